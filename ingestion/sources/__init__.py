"""dlt sources, one package each."""
