-- Made-up users and memories: user-0 to user-1999 and root, who is an admin; 4000 memories of about 300 bytes, in
-- turn for each user. The password of all is "demonstration".
BEGIN;

INSERT INTO users (id, name, about, admin, salt, password_hash)
SELECT ('00000000-0000-4000-9000-' || lpad(to_hex(i), 12, '0'))::uuid,
       CASE WHEN i = 2000 THEN 'root' ELSE 'user-' || i END,
       CASE WHEN i % 10 <> 9 THEN 'Writes since day ' || i END,
       i = 2000,
       'demonstration',
       '\xa7c165a39ef2e333c3ee8c0b28dcddf16adfcda8c92a7cae2962cbff197461a1'
       '8a95406b150cebc2365e4aeac93d212571b8119d3d5ea153a106140eba2ae99d'
  FROM generate_series(0, 2000) i;

INSERT INTO memories (id, user_id, body)
SELECT ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
       ('00000000-0000-4000-9000-' || lpad(to_hex(i % 2000), 12, '0'))::uuid,
       jsonb_build_object(
         'title', 'Memory ' || i,
         'text', 'What happened on day ' || i || '. ' || repeat('The sea was calm. ', 8),
         'tags', jsonb_build_array('day-' || i, 'sea'),
         'day', i)
  FROM generate_series(1, 4000) i;

INSERT INTO scores (user_name, context, token, value)
SELECT 'user-' || i, 'today', token, round((i * weight % 1000) / 1000.0, 3)
  FROM generate_series(0, 1999) i,
       (VALUES ('sun', 7), ('sea', 13), ('snow', 29)) AS tokens(token, weight);

COMMIT;
