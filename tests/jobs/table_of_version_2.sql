-- The job table of schema version 2, before there were named agents, as OBS left it when it died.
BEGIN TRANSACTION;
CREATE TABLE answers ( request_id TEXT PRIMARY KEY, action TEXT NOT NULL, fingerprint TEXT NOT NULL, created_at REAL NOT NULL, status INTEGER, body TEXT) WITHOUT ROWID;
INSERT INTO "answers" VALUES('answered','twitch.set_title','f65e2fb60d58678100f964c23e4549937fd62cb02ec1aa61f65ed98ce2eb232d',1800000000.0,200,'{"ok": true, "action": "twitch.set_title", "result": {"request_id": "answered", "status": "updated", "run": 1}}');
CREATE TABLE jobs ( seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, action TEXT NOT NULL, args TEXT NOT NULL, agent_id TEXT NOT NULL, request_id TEXT, mission_id TEXT, correlation_id TEXT, fingerprint TEXT NOT NULL, status TEXT NOT NULL, percent INTEGER NOT NULL, message TEXT NOT NULL, updated_at REAL NOT NULL, created_at REAL NOT NULL, started_at REAL, finished_at REAL, result TEXT, error TEXT);
INSERT INTO "jobs" VALUES(1,'job_done','twitch.start_stream','{"title":"Tür"}','agent','done','m',NULL,'cfd66cae323060442f1c9face5141ee8fc570c5ab5a029a659dc09a56241016c','done',100,'done',1800000000.0,1800000000.0,1800000000.0,1800000000.0,'{"metadata":{"status":"updated","verified":true},"status":"started","scene":null,"attempts":1,"warnings":[]}',NULL);
INSERT INTO "jobs" VALUES(2,'job_stopped','twitch.stop_stream','{}','agent',NULL,NULL,'c','189c6ca6855e2d5db912cc87575af0e3793313a06b5f42555c6dd8562ac12b34','done',100,'done',1800000000.0,1800000000.0,1800000000.0,1800000000.0,'{"status":"stopped","reason":null,"warnings":[]}',NULL);
INSERT INTO "jobs" VALUES(3,'job_running','twitch.start_stream','{}','agent','running',NULL,NULL,'9055c95b544a42db38e3fffa4fb961d8a05e11b023b39c3bebd77ee065dd6452','running',1,'running',1800000000.0,1800000000.0,1800000000.0,NULL,NULL,NULL);
CREATE TABLE signatures (digest BLOB PRIMARY KEY, expires_at REAL NOT NULL) WITHOUT ROWID;
INSERT INTO "signatures" VALUES(X'4A3CDFAE6F291C8F544DAEA5B72905CF9E74C1ED427D831AD0D7CA00C73C794D',1800000300.0);
CREATE INDEX answers_by_age ON answers (created_at);
CREATE INDEX signatures_by_expiry ON signatures (expires_at);
CREATE UNIQUE INDEX jobs_by_request ON jobs (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX jobs_by_mission ON jobs (mission_id) WHERE mission_id IS NOT NULL;
CREATE INDEX jobs_by_correlation ON jobs (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX jobs_by_end ON jobs (finished_at);
PRAGMA user_version = 2;
COMMIT;
