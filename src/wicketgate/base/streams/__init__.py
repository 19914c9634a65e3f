"""NATS JetStream: the child process, and the layer on its client library.

`server` runs the server as a supervised child; `link` connects and asserts the durable settings; `writer` appends in
order to a stream that this gateway alone writes; `reader` follows one in order.
"""
