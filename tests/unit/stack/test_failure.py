from dedup_pipeline.stack.failure import error_in


def test_the_sentence_of_the_error_is_found():
    lines = [
        {"event": "::group::Pre Execute", "level": "info"},
        {"event": "Task failed with exception", "level": "error", "error_detail": [
            {"exc_type": "AirflowFailException", "exc_value": "column 'id' is missing: name it in ingest.columns"},
            {"exc_type": "InputError", "exc_value": "the cause"},
        ]},
        {"event": "::endgroup::", "level": "info"},
    ]  # fmt: skip
    assert error_in(lines) == "column 'id' is missing: name it in ingest.columns"


def test_an_error_without_words_is_named_by_its_class():
    assert error_in([{"event": "x", "error_detail": [{"exc_type": "MemoryError", "exc_value": ""}]}]) == "MemoryError"


def test_a_logged_error_is_better_than_none():
    assert error_in([{"event": "Process timed out", "level": "error"}, {"event": "bye"}]) == "Process timed out"


def test_a_task_that_was_killed_left_no_error():
    assert "may have been killed" in error_in([{"event": "12 of 76", "level": "info"}])
