"""A real local MariaDB and a real sharded MongoDB, without Docker and without root."""
