"""Names that every use case shares: its tables, and the columns of a features table."""

BRONZE = "bronze"
CLEAN = "clean"
QUARANTINE = "quarantine"
FEATURES = "features"
SPLITS = "splits"
PREDICTIONS = "predictions"
RECOMMENDATIONS = "recommendations"
LEDGER = "ledger"

ROW_ID = "row_id"
EVENT_TIME = "event_time"
EVENT_DATE = "event_date"  # The partition: the day of event_time, or the first day of its month.
LABEL = "label"
IDENTITY = [ROW_ID, EVENT_TIME]

SPLIT = "split"  # In a snapshot: whether a row belongs to the training rows or to the holdout.
TRAIN = "train"
HOLDOUT = "holdout"
TRAIN_ROWS = f"{SPLIT} = '{TRAIN}'"  # SQL conditions on the rows of a snapshot.
HOLDOUT_ROWS = f"{SPLIT} = '{HOLDOUT}'"

USER = "user"  # The two features of a recommender.
ITEM = "item"

REPLACEMENT_CHARACTER = "\ufffd"  # What readers put in place of bytes that are not text.


def quote(name: str) -> str:
    """Quote a column name for Spark SQL, whatever characters it contains."""
    escaped = name.replace("`", "``")
    return f"`{escaped}`"


def feature_names(columns: list[str]) -> list[str]:
    """Return the columns that a model sees: all but identity, partition, split and label."""
    others = {*IDENTITY, EVENT_DATE, SPLIT, LABEL}
    return [name for name in columns if name not in others]
