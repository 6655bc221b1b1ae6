"""The operator's process: settings, work queue, HTTP endpoints, leadership, and kopf embedded for the watches."""
