"""The charter: organisations, offices, purposes, limits and rules on signatures.

The rules say which offices must sign what.

It is the root of trust. `parse_charter` reads its shape; `signatures.verify_charter` checks the signatures of the
offices that its own rule for charters names. The words and codes: docs/spec/charter.md.
"""

from wicketgate.regime.charter.parsing import exact_us, parse_charter
from wicketgate.regime.charter.search_rules import SearchRules
from wicketgate.regime.charter.values import (
    AS_BULK,
    CHARTER_TYPE,
    DOCUMENT_ID,
    INSTRUMENTS,
    MODES,
    NAME,
    NEEDS,
    OFFICE,
    READ_FIELDS,
    REDACTABLE,
    ROLES,
    RULE_KINDS,
    Charter,
    ConsultationRule,
    ConsultationTerms,
    KeyEnded,
    Limits,
    Need,
    Office,
    Organisation,
    RedactionRule,
    Requirement,
    Rule,
    Unit,
    Urgency,
    charter_requirements,
    covers,
    named_by,
    require_distinct,
)

__all__ = [
    "AS_BULK",
    "CHARTER_TYPE",
    "DOCUMENT_ID",
    "INSTRUMENTS",
    "MODES",
    "NAME",
    "NEEDS",
    "OFFICE",
    "READ_FIELDS",
    "REDACTABLE",
    "ROLES",
    "RULE_KINDS",
    "Charter",
    "ConsultationRule",
    "ConsultationTerms",
    "KeyEnded",
    "Limits",
    "Need",
    "Office",
    "Organisation",
    "RedactionRule",
    "Requirement",
    "Rule",
    "SearchRules",
    "Unit",
    "Urgency",
    "charter_requirements",
    "covers",
    "exact_us",
    "named_by",
    "parse_charter",
    "require_distinct",
]
