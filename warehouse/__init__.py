"""The Postgres that everything meets in: settings, the embedded server, connections, health."""
