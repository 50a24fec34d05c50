-- Request keys are swept by age.
CREATE INDEX once_at ON once (at);
