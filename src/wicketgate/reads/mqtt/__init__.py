"""The MQTT ingress.

It acknowledges a message once it is durable.
"""
