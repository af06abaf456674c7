-- One row for each clean rating: who rates what. The model learns the rest from the ratings.
SELECT
  row_id,
  event_time,
  CAST(userId AS STRING)  AS `user`,
  CAST(movieId AS STRING) AS `item`
FROM clean
