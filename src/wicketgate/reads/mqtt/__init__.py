"""The MQTT ingress: what is published is acknowledged once it is durable."""
