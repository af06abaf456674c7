"""The names of the columns that every features table has beside its features."""

ROW_ID = "row_id"
EVENT_TIME = "event_time"
EVENT_DATE = "event_date"  # The partition: the day of event_time.
LABEL = "label"
IDENTITY = [ROW_ID, EVENT_TIME]


def feature_names(columns: list[str]) -> list[str]:
    """The columns that a model sees: all but the row's identity, its partition and the label."""
    return [name for name in columns if name not in (*IDENTITY, EVENT_DATE, LABEL)]
