"""Submissions: traces out without labels; latents in, checked, scored and put on a board."""

from simbench.submission.blind_traces import export_traces
from simbench.submission.card import MethodCard, read_card
from simbench.submission.latents_file import read_latents
from simbench.submission.packing import Submission, pack_submission, read_submission
from simbench.submission.scored import (
    accept_submission,
    add_submission,
    score_latents,
    score_submission,
)

__all__ = [
    "MethodCard", "Submission", "accept_submission", "add_submission", "export_traces",
    "pack_submission", "read_card", "read_latents", "read_submission", "score_latents",
    "score_submission",
]  # fmt: skip
