// Better Auth in memory, for tests: organizations, custom roles, invitations and SSO providers behind plain HTTP on 127.0.0.1.
// Usage: node server.mjs PORT. The mails that it would send are listed at /outbox, newest last.
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { bearer, openAPI, organization } from 'better-auth/plugins';
import { defaultAc } from 'better-auth/plugins/organization/access';
import { sso } from '@better-auth/sso';

const port = Number(process.argv[2]);
const tables = {
  user: [], session: [], account: [], verification: [], organization: [], member: [], invitation: [], organizationRole: [], ssoProvider: [], rateLimit: [],
};
const outbox = [];
const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: process.env.BETTER_AUTH_SECRET,
  database: memoryAdapter(tables),
  // Lists without paging end at 100 as it comes, and all tests share one server.
  advanced: { database: { defaultFindManyLimit: 10000 } },
  emailAndPassword: { enabled: true },
  // Tests that want 429 turn it on.
  rateLimit: { enabled: process.env.RATE_LIMIT !== undefined, window: 10, max: Number(process.env.RATE_LIMIT ?? 100) },
  plugins: [
    organization({
      // Without it every call about a role is answered with 501.
      ac: defaultAc,
      dynamicAccessControl: { enabled: true },
      // Two days, as it comes; tests that want expired invitations make them short.
      invitationExpiresIn: Number(process.env.INVITATION_SECONDS ?? 48 * 3600),
      sendInvitationEmail: async ({ email, id }) => { outbox.push({ to: email, invitation: id }); },
    }),
    bearer(),
    sso(),
    openAPI(),
  ],
});
const handle = toNodeHandler(auth);
createServer((request, response) => {
  if (request.url === '/outbox') {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(outbox));
  } else {
    handle(request, response);
  }
}).listen(port, '127.0.0.1');
