"""dbt's own conformance cases (dbt-tests-adapter), for what a project can use of the plugin.

Each case that does not pass is listed in `gaps` with its reason. It must fail: a gap that closes is found.
Source: https://docs.getdbt.com/guides/adapter-creation
"""

import importlib
import inspect
from collections.abc import Iterator

import pytest

from tests.adapter.conformance.gaps import GAPS

BASIC = (
    "adapter_methods base docs_generate empty ephemeral generic_tests get_catalog_for_single_relation "
    "incremental singular_tests singular_tests_ephemeral snapshot_check_cols snapshot_timestamp "
    "table_materialization validate_connection"
)
UTILS = (
    "any_value bool_or cast cast_bool_to_text concat current_timestamp date date_spine date_trunc dateadd "
    "datediff equals escape_single_quotes except generate_series get_intervals_between get_powers_of_two "
    "hash intersect last_day length listagg null_compare position replace right safe_cast split_part "
    "string_literal timestamps validate_sql"
)
MODULES = {
    "basic": BASIC,
    "incremental": "incremental_on_schema_change incremental_predicates incremental_unique_id",
    "simple_snapshot": "snapshot various_configs",
    "constraints": "constraints",
    "concurrency": "concurrency",
    "relations": "changing_relation_type dropping_schema_named",
    "unit_testing": "case_insensitivity invalid_input quoted_reserved_word_column_names types",
    "caching": "caching",
    "empty": "empty",
    "utils": UTILS,
}
QUICK = {"BaseSimpleMaterializations", "BaseIncremental", "BaseTableConstraintsColumnsEqual", "BaseHash"}
"""Those that `make test` runs."""


def found() -> Iterator[type]:
    """Every class of cases in the modules above."""
    for folder, names in MODULES.items():
        for name in names.split():
            module = importlib.import_module(f"dbt.tests.adapter.{folder}.test_{name}")
            for case in vars(module).values():
                if inspect.isclass(case) and case.__module__ == module.__name__ and own_tests(case):
                    yield case


def own_tests(case: type) -> list[str]:
    """The names of a class's tests; a base without tests of its own has none."""
    return (
        [name for name in dir(case) if name.startswith("test_")] if case.__name__.startswith("Base") else []
    )


def as_tests(case: type) -> type:
    """A class that pytest collects, with the gaps marked as tests that must fail."""
    marked = {}
    for name in own_tests(case):
        reason = GAPS.get(f"{case.__name__}.{name}", GAPS.get(case.__name__))
        if reason:
            marked[name] = pytest.mark.xfail(reason=reason, strict=True)(copied(getattr(case, name)))
    made = type(case.__name__.replace("Base", "Test", 1), (case,), {"__module__": __name__, **marked})
    return made if case.__name__ in QUICK else pytest.mark.long(made)


def copied(test: object) -> object:
    """A function of its own, because a mark stays on the function and other classes inherit it."""
    assert inspect.isfunction(test)
    return type(test)(test.__code__, test.__globals__, test.__name__, test.__defaults__, test.__closure__)


pytestmark = pytest.mark.filterwarnings("ignore")  # they are dbt's own
globals().update({made.__name__: made for made in map(as_tests, found())})


def test_every_gap_is_a_case() -> None:
    cases = {case.__name__: own_tests(case) for case in found()}
    assert set(GAPS) <= {*cases, *(f"{case}.{test}" for case, tests in cases.items() for test in tests)}
