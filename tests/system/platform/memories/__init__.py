"""A memories platform on Alai: browsing, relevance scores, sessions, rate limits and health.

settings.py        what an installation may choose, from the environment
keys.py            the names of everything in the cache
cache.py           the cache as the application sees it: short timeouts, and one way of being down
repository.py      what is true, behind an interface; in memory for a demonstration
postgres.py        the same in a database
readers.py         how what is read often is read: cache-aside, or through a cache that knows the tables
sessions.py        login, check and logout
rate_limit.py      the middleware that asks for one permit a request
routes.py          the endpoints
app.py             puts them together
demo.py            the application with made-up users and memories

One process is one event loop; nothing here is shared between threads, and those of postgres.py have
what they need for themselves.
"""
