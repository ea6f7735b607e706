"""Spark on two cores: read the marts by JDBC in parallel, nest by collect_list, write.

It writes with MongoDB's connector if POS_SPARK_JARS names its jars (no package index has them), otherwise
with pymongo in Spark's Python workers. It runs in its own environment, which has none of our other packages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pymongo import MongoClient
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it

from benchmarks.columns import CUSTOMER, LINE, ORDER, camel, converted
from benchmarks.environments import jars
from benchmarks.setting import Setting

CORES, PARTITIONS, BATCH, FETCH = 2, 8, 1000, 10_000
MEMORY = "2g"


def session() -> SparkSession:
    """Start the JVM, in UTC, with bounded memory."""
    os.environ["TZ"] = "UTC"
    os.environ["PYSPARK_PYTHON"] = sys.executable  # so that its workers have this environment too
    time_zone = "-Duser.timezone=UTC"
    settings = {
        "spark.jars": ",".join(jars()),
        "spark.driver.memory": MEMORY,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": time_zone,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(PARTITIONS),
        "spark.ui.enabled": "false",
    }
    builder: Any = SparkSession.builder
    started: SparkSession = builder.master(f"local[{CORES}]").config(map=settings).getOrCreate()
    started.sparkContext.setLogLevel("ERROR")
    return started


def run(spark: SparkSession, setting: Setting, writer: str) -> None:
    """Nest, and write with the connector or with pymongo."""
    found = documents(spark, setting)
    if writer == "connector":
        options = {"connection.uri": setting.mongo_uri, "database": setting.database, "collection": "spark"}
        options |= {"writeConcern.w": "majority", "writeConcern.journal": "true"}
        options |= {"operationType": "insert", "ignoreNullValues": "true"}
        found.write.format("mongodb").mode("append").options(**options).save()
    else:
        found.foreachPartition(lambda rows: write(rows, setting))


def documents(spark: SparkSession, setting: Setting) -> DataFrame:
    """One row per customer; its orders are an array of structs, the oldest first, each with its lines."""
    keys = ("customer_id", "order_id")
    wanted = {"dim_customers": CUSTOMER, "fct_orders": (keys[0], *ORDER), "fct_order_lines": (*keys, *LINE)}
    customers, orders, lines = _marts(spark, setting, wanted)
    by_order = lines.groupBy("customer_id", "order_id").agg(
        F.sort_array(F.collect_list(F.struct(*_named(LINE)))).alias("lines")
    )
    order = F.struct(*_named(ORDER), F.coalesce("lines", F.array()).alias("lines"))
    placed = F.struct("placed_at", "order_id", order.alias("order"))
    by_customer = (
        orders.join(by_order, ["customer_id", "order_id"], "left")
        .groupBy("customer_id")
        .agg(F.sort_array(F.collect_list(placed))["order"].alias("orders"))
    )
    key = F.col("customer_id").alias("_id")
    nested = F.coalesce("orders", F.array()).alias("orders")
    return customers.join(by_customer, "customer_id", "left").select(key, *_named(CUSTOMER[1:]), nested)


def _named(columns: Sequence[str]) -> list[Column]:
    return [F.col(name).alias(camel(name)) for name in columns]


def _marts(spark: SparkSession, setting: Setting, columns: Mapping[str, Sequence[str]]) -> list[DataFrame]:
    """Read each mart in as many ranges of its key as there are partitions.

    The URL says mysql, not mariadb, because only that dialect of Spark quotes columns as MariaDB needs it.
    """
    options = {
        "url": f"jdbc:mysql://127.0.0.1:{setting.mariadb_port}/{setting.schema}?permitMysqlScheme",
        "driver": "org.mariadb.jdbc.Driver",
        "user": "pos",
        "password": "pos",
        "fetchsize": str(FETCH),
    }
    jdbc = spark.read.format("jdbc").options(**options)
    bounds = "(select min(customer_id) as first, max(customer_id) as last from dim_customers) as bounds"
    first, last = jdbc.option("dbtable", bounds).load().first() or (0, 0)
    ranges = {"partitionColumn": "customer_id", "lowerBound": str(first), "upperBound": str(last)}
    ranged = spark.read.format("jdbc").options(**options, **ranges, numPartitions=str(PARTITIONS))
    return [ranged.option("dbtable", name).load().select(*names) for name, names in columns.items()]


def write(rows: Iterator[Row], setting: Setting) -> None:
    """Insert a partition's documents; runs in one of Spark's Python workers."""
    with MongoClient[dict[str, Any]](setting.mongo_uri, w="majority", journal=True) as client:
        collection = client[setting.database]["spark"]
        while batch := [_nested(row) for row in islice(rows, BATCH)]:
            collection.insert_many(batch, ordered=False)


def _nested(value: Any) -> Any:
    if isinstance(value, Row):
        pairs = zip(value.__fields__, value, strict=True)
        return {name: _nested(each) for name, each in pairs if each is not None}
    if isinstance(value, list):
        return [_nested(each) for each in value]
    return converted(value)
