"""From the bytes of a camera to durable reads: plates, adapters, MQTT, images, repeats, group commit."""
