"""What a deployment begins with: a charter from a template, keys, and the first authorities as drafts."""
