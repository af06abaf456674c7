"""Names that every use case shares: its tables, and the columns of a features table."""

BRONZE = "bronze"
CLEAN = "clean"
QUARANTINE = "quarantine"
UNPLACED = "unplaced"  # Raw rows that belong to no partition.
FEATURES = "features"
SPLITS = "splits"
PREDICTIONS = "predictions"
RECOMMENDATIONS = "recommendations"
LEDGER = "ledger"
TRIGGERS = "triggers"  # What monitoring has decided for each day.

ROW_ID = "row_id"
EVENT_TIME = "event_time"
EVENT_DATE = "event_date"  # The partition: the day of event_time, or the first day of its month.
LABEL = "label"
IDENTITY = [ROW_ID, EVENT_TIME]

CORRUPT = "corrupt_record"  # The text of a record that cannot be split into the columns.
SOURCE = "source_file"
SOURCE_LINE = "source_line"  # The line on which a record starts; in Parquet, the row's number.
SOURCE_TIME = "source_time"  # When the file was last modified.
SOURCE_COLUMNS = (CORRUPT, SOURCE, SOURCE_LINE, SOURCE_TIME)  # Of every row that a reader gives.
REASONS = "reasons"  # Why a row is in quarantine, or belongs to no partition.
INTERNAL = "__"  # The start of names that rows have only while a job works; no column has it.
TIME_COLUMNS = "__time_columns"  # Of raw rows: the columns of the event time, typed.
RAW = "__raw"  # Of typed rows: the bronze row.
UNIT = "__unit"  # Of judged rows: what they belong to that is independent, such as their day.
UNREADABLE = "__reasons"  # Of typed rows: why texts cannot be read.

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
