"""The node agent: holds throttle ratios on one node and gives back what it took. Standard library, aiohttp and prometheus_client only."""
