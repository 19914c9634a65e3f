"""The edge: TLS, in a process of its own before whatever answers. docs/decisions/0051-tls.md."""
