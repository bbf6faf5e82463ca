"""Keystone behind plain HTTP on 127.0.0.1, for tests. Usage: serve.py CONFIGURATION PORT."""
import os
import sys

configuration, port = sys.argv[1], int(sys.argv[2])
os.environ["OS_KEYSTONE_CONFIG_FILES"] = configuration
# Keystone reads the command line, too.
del sys.argv[1:]

from keystone.wsgi.api import application  # noqa: E402
from werkzeug.serving import run_simple  # noqa: E402

run_simple("127.0.0.1", port, application, threaded=True)
