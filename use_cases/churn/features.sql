-- One row for each clean customer, from the contract and the services at the time of the snapshot.
SELECT
  c.row_id,
  c.event_time,

  -- the household
  c.gender,
  c.SeniorCitizen                                                              AS senior_citizen,
  c.Partner                                                                    AS partner,
  c.Dependents                                                                 AS dependents,

  -- the services
  c.PhoneService                                                               AS phone_service,
  c.MultipleLines                                                              AS multiple_lines,
  c.InternetService                                                            AS internet_service,
  c.OnlineSecurity                                                             AS online_security,
  c.OnlineBackup                                                               AS online_backup,
  c.DeviceProtection                                                           AS device_protection,
  c.TechSupport                                                                AS tech_support,
  c.StreamingTV                                                                AS streaming_tv,
  c.StreamingMovies                                                            AS streaming_movies,
  size(filter(
    array(c.OnlineSecurity, c.OnlineBackup, c.DeviceProtection, c.TechSupport, c.StreamingTV, c.StreamingMovies),
    service -> service = 'Yes'
  ))                                                                           AS num_optional_services,

  -- the contract and its costs; new customers have not been billed yet
  c.tenure,
  c.Contract                                                                   AS contract,
  c.PaperlessBilling                                                           AS paperless_billing,
  c.PaymentMethod                                                              AS payment_method,
  c.MonthlyCharges                                                             AS monthly_charges,
  coalesce(c.TotalCharges, 0)                                                  AS total_charges,
  coalesce(c.TotalCharges / nullif(c.tenure, 0), c.MonthlyCharges)             AS mean_monthly_charges

FROM clean AS c
