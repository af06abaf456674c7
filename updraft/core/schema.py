"""The names of the columns that every features table has beside its features."""

ROW_ID = "row_id"
EVENT_TIME = "event_time"
EVENT_DATE = "event_date"  # The partition: the day of event_time.
LABEL = "label"
SPLIT = "split"  # Of a snapshot: whether a row is for training or kept for the evaluation.
TRAIN, HOLDOUT = "train", "holdout"
USER, ITEM = "user", "item"  # The two features of a recommender.
IDENTITY = [ROW_ID, EVENT_TIME]


def quote(name: str) -> str:
    """A column's name as SQL takes it, whatever is in the name."""
    return "`" + name.replace("`", "``") + "`"


def feature_names(columns: list[str]) -> list[str]:
    """The columns that a model sees: all but the row's identity, its partition, its split and the label."""
    return [name for name in columns if name not in (*IDENTITY, EVENT_DATE, SPLIT, LABEL)]
