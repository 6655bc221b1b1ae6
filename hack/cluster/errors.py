"""What can go wrong with the local cluster, said in sentences a person can act on."""


class ClusterError(Exception):
    """The cluster cannot be built, started or reached; the message says what to do."""
