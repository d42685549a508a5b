"""A double of GitHub's API, and a sample organisation for it to serve.

What a client of GitHub meets, on the loopback interface: GraphQL over a true part of GitHub's schema, a few REST
endpoints, GitHub's prices, limits and errors, faults on demand, and changes to the data while it is read.

    with GitHubDouble(sample.build()) as api:
        api.faults.add("502", operation="Hydrate", every=3)
        ...  # point the client at api.url and api.graphql_url
        assert api.points < 100
"""

from .faults import Fault
from .limits import App, Limits
from .model import Organisation
from .server import GitHubDouble, LoggedRequest

__all__ = ["App", "Fault", "GitHubDouble", "Limits", "LoggedRequest", "Organisation"]
