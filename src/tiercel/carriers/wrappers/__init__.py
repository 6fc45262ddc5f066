"""Carriers around a carrier: the same road with a different temper. Each is a Carrier itself and passes the suite."""
