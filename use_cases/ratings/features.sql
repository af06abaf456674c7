-- One row for each clean rating: which user rates which item. The model learns the factors itself.
SELECT
  row_id,
  event_time,
  CAST(userId AS STRING)  AS `user`,
  CAST(movieId AS STRING) AS `item`
FROM clean
