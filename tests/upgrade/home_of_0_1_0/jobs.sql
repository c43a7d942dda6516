BEGIN TRANSACTION;
CREATE TABLE answers (
            request_id TEXT PRIMARY KEY, action TEXT NOT NULL, fingerprint TEXT NOT NULL, created_at REAL NOT NULL,
            status INTEGER, body TEXT) WITHOUT ROWID;
CREATE TABLE jobs (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, action TEXT NOT NULL, args TEXT NOT NULL,
            agent_id TEXT NOT NULL, request_id TEXT, mission_id TEXT, correlation_id TEXT, fingerprint TEXT NOT NULL,
            status TEXT NOT NULL, percent INTEGER NOT NULL, message TEXT NOT NULL, updated_at REAL NOT NULL,
            created_at REAL NOT NULL, started_at REAL, finished_at REAL, result TEXT, error TEXT);
INSERT INTO "jobs" VALUES(1,'job_75873227732c40098516ed0f8eceaecb','twitch.start_stream','{"title":"Grüße vom Freitag"}','openclaw:main','friday-start','friday show',NULL,'bc07eed9a8dfa9fea43904b0daba2374ac443435a878e547856317ee505e503f','done',100,'done',1.79566180054762625697e+09,1.79566179961186289789e+09,1.7956617996235027313e+09,1.79566180054762625697e+09,'{"metadata":{"error":{"code":"twitch_unavailable","message":"no answer from Twitch to GET /oauth2/validate: its name cannot be resolved","retryable":true,"hint":"Twitch has trouble; try again later with the same request_id.","details":{"endpoint":"GET /oauth2/validate","reason":"its name cannot be resolved"}}},"status":"started","scene":"BRB","attempts":1,"warnings":["twitch_unavailable"]}',NULL);
INSERT INTO "jobs" VALUES(2,'job_3d7eeb4718d74ee6a3108eb9ea0865bb','twitch.stop_stream','{"reason":"end"}','openclaw:main','friday-stop','friday show',NULL,'29d70148a861e71bdfa04f5f428f5ee6e45bdb75927ac218110fd52cb4a0627f','done',100,'done',1.79566180078431725502e+09,1.79566180058942699432e+09,1.79566180059142684933e+09,1.79566180078431725502e+09,'{"status":"stopped","reason":"end","warnings":[]}',NULL);
INSERT INTO "jobs" VALUES(3,'job_a5a8a8e2fa9b4f64b488d6f9abeefb2f','twitch.start_stream','{"obs_scene":"Nowhere"}','openclaw:main','friday-nowhere','friday show',NULL,'b4cc0eed160bfbb9d8fd63538f5aa811c2d8373a7e479a3ca8492fc9e1a545d1','failed',2,'There is no scene named ''Nowhere''.',1.79566180082342123983e+09,1.7956618008183481693e+09,1.79566180081932759288e+09,1.79566180082342123983e+09,NULL,'{"code":"scene_not_found","message":"There is no scene named ''Nowhere''.","retryable":false,"hint":"Use one of details.scenes, exactly as written.","details":{"scenes":["Main","BRB"]}}');
INSERT INTO "jobs" VALUES(4,'job_f0c352b6f5d342c88512900ca47ad26b','twitch.start_stream','{}','openclaw:main','saturday-start','saturday',NULL,'647a20ad8992d068318789f28626fbef4dd1fd43c0e501958b389f86228e544f','running',53,'OBS is connecting to the streaming server',1.79566180161909556391e+09,1.79566180158825707434e+09,1.795661801589240551e+09,NULL,NULL,NULL);
CREATE TABLE signatures (digest BLOB PRIMARY KEY, expires_at REAL NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX jobs_by_request ON jobs (request_id);
CREATE INDEX jobs_without_request ON jobs (agent_id, action, mission_id, correlation_id)
            WHERE request_id IS NULL;
CREATE INDEX jobs_of_agent_mission ON jobs (agent_id, mission_id) WHERE mission_id IS NOT NULL;
CREATE INDEX jobs_of_agent_correlation ON jobs (agent_id, correlation_id) WHERE mission_id IS NULL;
CREATE INDEX jobs_by_status ON jobs (status);
CREATE INDEX jobs_by_action ON jobs (action);
CREATE INDEX jobs_by_action_status ON jobs (action, status);
CREATE INDEX jobs_by_mission ON jobs (mission_id) WHERE mission_id IS NOT NULL;
CREATE INDEX jobs_by_correlation ON jobs (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX jobs_by_end ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX answers_by_age ON answers (created_at);
CREATE INDEX signatures_by_expiry ON signatures (expires_at);
PRAGMA user_version = 1;
COMMIT;
