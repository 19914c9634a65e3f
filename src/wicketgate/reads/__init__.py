"""Reads: plates, adapters, MQTT, images, repeats, group commit.

They come as bytes of a camera and leave as durable reads.
"""
