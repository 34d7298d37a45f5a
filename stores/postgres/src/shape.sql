SELECT format(
    '%s.%s %s%s', relname, attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' not null' END
)
FROM pg_class
JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p')
UNION ALL
SELECT format('%s %s', relname, replace(pg_get_constraintdef(pg_constraint.oid), format('%I.', $1), ''))
FROM pg_class
JOIN pg_constraint ON conrelid = pg_class.oid AND contype = 'p'
WHERE relnamespace = to_regnamespace($1)
