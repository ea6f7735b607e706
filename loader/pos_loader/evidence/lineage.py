"""OpenLineage events of a load: one job and run per collection, from mart columns to document paths.

`keeper` imports this module only if a transport is configured. The run of a collection starts with the load.
It completes, or it fails with the error or the gate's reason. Its parent is the dbt invocation that built the
marts, or the run that OPENLINEAGE_PARENT_ID names.
Source: https://openlineage.io/docs/spec/object-model and https://openlineage.io/docs/spec/naming
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import attr
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, OutputDataset, Run, RunEvent, RunState, set_producer
from openlineage.client.event_v2 import Job as LineageJob
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    RunFacet,
    column_lineage_dataset,
    error_message_run,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
)
from openlineage.client.naming.dataset import MySQL
from openlineage.client.uuid import generate_static_uuid

from pos_loader import __version__
from pos_loader.collection import Collection, Level
from pos_loader.errors import SpecError
from pos_loader.load_results import CollectionOutcome, Outcome
from pos_loader.run.job import Job
from pos_loader.servers import mongo

set_producer(f"urn:pos-loader:{__version__}")


@attr.define
class DbtRunFacet(RunFacet):
    """The dbt invocation behind a run, as OpenLineage's own dbt integration names it."""

    invocation_id: str
    project_name: str


class Emitter:
    """Sends the events of one load."""

    def __init__(self, job: Job) -> None:
        """Open the configured transport. Raises `SpecError` where its type cannot be used."""
        logging.getLogger("openlineage").addHandler(
            logging.NullHandler()
        )  # without a handler, it writes to stderr
        self._job = job
        self._client = OpenLineageClient()
        if self._client.transport.kind == "console":
            raise SpecError("the configuration has no transport, or type console", fix="use file or http")

    def start(self) -> None:
        """Send START for every collection. Raises any error of the transport."""
        for collection in self._job.collections:
            self._emit(RunState.START, collection, _Known())

    def end(self, outcome: Outcome) -> None:
        """Send COMPLETE or FAIL for every collection, and close. Raises any error of the transport."""
        ended = {done.name: done for done in outcome.collections}
        for collection in self._job.collections:
            known = _Known(ended.get(collection.name), outcome.error)
            self._emit(RunState.FAIL if known.error else RunState.COMPLETE, collection, known)
        self._client.close()

    def _emit(self, state: RunState, collection: Collection, known: _Known) -> None:
        levels = tuple(collection.root.walk())
        self._client.emit(
            RunEvent(
                eventType=state,
                eventTime=datetime.now(UTC).isoformat(timespec="milliseconds"),
                run=Run(self._run_id(collection), facets=self._run_facets(known)),
                job=LineageJob(
                    namespace=self._namespace,
                    name=f"pos_loader.{collection.name}",
                    facets={"jobType": job_type_job.JobTypeJobFacet("BATCH", "POS_LOADER", "LOAD")},
                ),
                inputs=[
                    self._input(level, known) for level in {level.node: level for level in levels}.values()
                ],
                outputs=[self._output(collection, known)],
            )
        )

    @property
    def _namespace(self) -> str:
        return os.environ.get("OPENLINEAGE_NAMESPACE") or self._project

    @property
    def _project(self) -> str:
        return self._job.manifest.metadata.project_name or "dbt"

    def _run_id(self, collection: Collection) -> str:
        """Return the id that all events of a collection's run share; its time is the load's."""
        started = datetime.fromisoformat(self._job.started_at)
        return str(generate_static_uuid(started, f"{self._job.load_id}/{collection.name}".encode()))

    def _run_facets(self, known: _Known) -> dict[str, RunFacet]:
        facets: dict[str, RunFacet] = {
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(__version__, "pos-loader"),
            "parent": self._parent(),
            "dbt_run": DbtRunFacet(self._job.invocation, self._project),
        }
        if known.error:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(known.error, "PYTHON")
        return facets

    def _parent(self) -> parent_run.ParentRunFacet:
        """Return the orchestrator's run (`namespace/name/run id`); without one, the dbt invocation."""
        named = os.environ.get("OPENLINEAGE_PARENT_ID")
        if named:
            namespace, name, run_id = named.rsplit("/", 2)
        else:
            args = self._job.results.args if self._job.results else None
            command = (args or {}).get("which", "build")
            namespace, name = self._namespace, f"dbt-{command}-{self._project}"
            run_id = self._job.invocation
        return parent_run.ParentRunFacet(parent_run.Run(run_id), parent_run.Job(namespace, name))

    def _source(self, level: Level) -> MySQL:
        server = self._job.server
        return MySQL(server.host, str(server.port), level.schema, level.table)

    def _input(self, level: Level, known: _Known) -> InputDataset:
        source = self._source(level)
        statistics: dict[str, InputDatasetFacet] = {}
        if known.rows(level) is not None:
            statistics["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
                rowCount=known.rows(level)
            )
        types = {field.column: field.data_type for field in level.fields}
        schema = [schema_dataset.SchemaDatasetFacetFields(name, types.get(name)) for name in level.columns]
        return InputDataset(
            namespace=source.get_namespace(),
            name=source.get_name(),
            inputFacets=statistics,
            facets={"schema": schema_dataset.SchemaDatasetFacet(schema)},
        )

    def _output(self, collection: Collection, known: _Known) -> OutputDataset:
        server = min(mongo.hosts(self._job.client).split(", "))
        facets: dict[str, DatasetFacet] = {
            "schema": schema_dataset.SchemaDatasetFacet(_schema(collection.root)),
            "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(
                fields=dict(self._paths(collection.root, "")),
                dataset=list(self._joins(collection.root)),
            ),
        }
        return OutputDataset(
            namespace=f"mongodb://{server}",
            name=f"{collection.database}.{collection.collection}",
            outputFacets=known.statistics(),
            facets=facets,
        )

    def _paths(self, level: Level, prefix: str) -> Iterator[tuple[str, column_lineage_dataset.Fields]]:
        """Yield the document path of every field, with the column that it comes from."""
        for field in level.fields:
            direct = column_lineage_dataset.Transformation("DIRECT", "IDENTITY")
            yield (
                prefix + field.name,
                column_lineage_dataset.Fields([self._column(level, field.column, direct)]),
            )
        for child in level.children:
            yield from self._paths(child, f"{prefix}{child.name}.")

    def _joins(self, level: Level) -> Iterator[column_lineage_dataset.InputField]:
        """Yield the columns that decide in which document and where an embedded row goes."""
        for child in level.children:
            for column in child.key[: len(level.key)]:
                yield self._column(child, column, column_lineage_dataset.Transformation("INDIRECT", "JOIN"))
            for column in child.order_by:
                yield self._column(child, column, column_lineage_dataset.Transformation("INDIRECT", "SORT"))
            yield from self._joins(child)

    def _column(
        self, level: Level, column: str, how: column_lineage_dataset.Transformation
    ) -> column_lineage_dataset.InputField:
        source = self._source(level)
        return column_lineage_dataset.InputField(source.get_namespace(), source.get_name(), column, [how])


def _schema(level: Level) -> list[schema_dataset.SchemaDatasetFacetFields]:
    """List a document's fields with their BSON types, and arrays as OpenLineage nests them."""
    fields = [schema_dataset.SchemaDatasetFacetFields(field.name, field.type.value) for field in level.fields]
    for child in level.children:
        item = schema_dataset.SchemaDatasetFacetFields("_element", "object", fields=_schema(child))
        fields.append(schema_dataset.SchemaDatasetFacetFields(child.name, "array", fields=[item]))
    return fields


class _Known:
    """What is known of a collection's run when an event is sent."""

    def __init__(self, ended: CollectionOutcome | None = None, failure: str = "") -> None:
        self._ended = ended
        self.error = (ended.refused or ended.error) if ended else failure

    def rows(self, level: Level) -> int | None:
        """Count the nested rows of a level's model; the model may be at other levels too."""
        counts = self._ended.levels if self._ended else ()
        found = [count.nested for count in counts if count.node == level.node]
        return max(found, default=None)

    def statistics(self) -> dict[str, OutputDatasetFacet]:
        """Count the written documents; their bytes are known only if every document was written."""
        if self._ended is None or self.error:
            return {}
        written = self._ended.inserted + self._ended.replaced
        return {
            "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=written, size=self._ended.bytes if written == self._ended.documents else None
            )
        }
