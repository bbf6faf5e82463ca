{{/*
What the operator may do. A test runs it under exactly these rules, and finds that it asks for nothing else, and for all of them.
*/}}

{{/* Where custom resources are: it watches, tells, and holds by a finalizer what is declared. Of Secrets those that something declared names are read; of
a namespace, whether it is being deleted. */}}
{{- define "tenantry.rules.watched" -}}
- apiGroups: [tenantry.dev]
  resources: [portals]
  verbs: [list, watch]
- apiGroups: [tenantry.dev]
  resources: {{ include "tenantry.kinds" . }}
  verbs: [get, list, watch, patch]
- apiGroups: [tenantry.dev]
  resources:
    - portals/status
    {{- range include "tenantry.kinds" . | fromYamlArray }}
    - {{ . }}/status
    {{- end }}
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* In its own namespace: the ledger, the lease of leadership, and the key of the secrets' MACs, which is made once. */}}
{{- define "tenantry.rules.home" -}}
- apiGroups: [tenantry.dev]
  resources: [ledgershards]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [tenantry-controller]
  verbs: [get, update]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [tenantry-mac-key]
  verbs: [get]
{{- end }}
