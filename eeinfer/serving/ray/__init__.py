"""Cascades in Ray Serve: replicas that each merge the requests that they get, as many as there is work for."""

from eeinfer.serving.ray.application import app as app
