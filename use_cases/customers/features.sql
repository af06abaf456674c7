-- One row for each customer and month: recency, frequency and value at the end of the month, over
-- the year up to then.
WITH months AS (
  SELECT DISTINCT trunc(event_date, 'MM') AS month FROM days
),
lines AS (
  SELECT
    event_time,
    regexp_replace(CustomerID, '[.]0$', '')                                    AS customer,
    InvoiceNo                                                                  AS invoice,
    InvoiceNo RLIKE '^[cC]'                                                    AS cancelled,
    -- a cancellation has a negative quantity, so an order and its cancellation sum to 0
    Quantity * UnitPrice                                                       AS value
  FROM clean
  WHERE CustomerID IS NOT NULL
),
customers AS (
  SELECT
    m.month,
    l.customer,
    datediff(last_day(m.month), max(CASE WHEN NOT l.cancelled THEN l.event_time END)) AS recency,
    count(DISTINCT CASE WHEN NOT l.cancelled THEN l.invoice END)               AS frequency,
    greatest(sum(l.value), 0)                                                  AS value
  FROM months AS m
  -- the bounds depend on the month alone, so a range of months gives the same rows as single months
  JOIN lines AS l ON l.event_time >= m.month - INTERVAL 334 DAYS AND l.event_time < add_months(m.month, 1)
  GROUP BY m.month, l.customer
)
SELECT
  concat(date_format(month, 'yyyy-MM'), '|', customer)                         AS row_id,
  CAST(add_months(month, 1) AS TIMESTAMP) - INTERVAL 1 SECOND                  AS event_time,

  -- logarithms, because few customers buy very often and very much
  log1p(recency)                                                               AS recency,
  log1p(frequency)                                                             AS frequency,
  log1p(value)                                                                 AS value

FROM customers
WHERE frequency > 0
