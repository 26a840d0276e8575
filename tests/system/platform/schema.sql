-- The tables of the platform.
CREATE TABLE users (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  about text,
  admin boolean NOT NULL DEFAULT false,
  salt bytea NOT NULL,
  password_hash bytea NOT NULL
);

CREATE TABLE memories (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users,
  body jsonb NOT NULL
);
CREATE INDEX ON memories (user_id, id);

CREATE TABLE scores (
  user_name text NOT NULL,
  context text NOT NULL,
  token text NOT NULL,
  value double precision NOT NULL,
  PRIMARY KEY (user_name, context, token)
);

CREATE TABLE sessions (
  user_name text PRIMARY KEY,
  admin boolean NOT NULL,
  secret_hash text NOT NULL,
  began_at double precision NOT NULL,
  seen_at double precision NOT NULL
);
