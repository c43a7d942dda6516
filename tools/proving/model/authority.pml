/* Who may put the stream on air: jobs, pause, approval, the ownership of starts, OBS's events lost or doubled, reloads
 * and a crash, in every order there is.
 *
 * What each part does is said in obs/stream_state.py, obs/orders.py, obs/stream.py, jobs/worker.py and
 * authority/approval.py; here it is as small as the question allows. A task on OBS's UI thread is one atomic step: the
 * check and the act are together, and nothing comes between.
 *
 * python3 tools/prove.py model looks at every state. FAULT puts one of the old faults back, to see that it is found:
 * 1 pause counts on arrival only, 2 an armed stop is bound to nothing, 3 what was lost is taken for offline, 4 a job that
 * waited goes on after a restart, 5 done is said when OBS was asked, 6 a failed start leaves nothing behind,
 * 7 STREAMING_STOPPED alone ends a start, 8 a stop is armed in the moment between "it is up" and STREAMING_STARTED,
 * 9 STREAMING_STARTED alone is taken for up, 10 a pause that is over again has forbidden nothing.
 */

#ifndef FAULT
#define FAULT 0
#endif
#ifndef CLICKS
#define CLICKS 1          /* how often the streamer presses Start or Stop */
#endif
#ifndef PAUSES
#define PAUSES 1
#endif
#ifndef STARTS
#define STARTS 2          /* how many starts the agent asks for; it asks for one stop */
#endif

mtype:obs = { IDLE, CONNECTING, LIVE, STOPPING };
mtype:phase = { ENDED, STARTING, UP, GOING, UNKNOWN };
mtype:job = { NONE, PENDING, QUEUED, RUNNING, DONE, FAILED };
mtype:owner = { NOBODY, AGENT, STREAMER };
mtype:told = { T_UP, T_STOPPED, T_STOPPED_AGAIN };

/* OBS itself: what is true. */
mtype:obs obs = IDLE;
mtype:owner on_air = NOBODY;   /* who started what OBS has */
byte stream = 0;                  /* its number */
byte job_of_stream = 255;         /* the agent's job behind it */
bit doubled = 0;               /* STREAMING_STOPPED can come twice */

/* What the service believes: the record of one start. */
bit there = 0;                 /* the script is loaded, perhaps into an OBS that streams already */
mtype:phase phase = UNKNOWN;
mtype:owner owner = NOBODY;
byte number = 0;
bit armed = 0;
bit connected = 0;             /* the output said that it is up; STREAMING_STARTED follows */
bit started_told = 0;          /* STREAMING_STARTED, perhaps of the start before */
bit stop_signal = 0;           /* the output said that it ended */
bit stop_told = 0;             /* OBS said so, which can come twice and so be of the start before */

/* The job table, which survives; and who waits in memory, which does not. */
mtype:job start_job[STARTS];
mtype:job stop_job = NONE;
bit memory[STARTS];            /* the queue of the start worker holds it */
bit stop_in_memory = 0;
byte running = 255;            /* the start that the worker is at */
bit ends = 0;                  /* it is to end: paused, or a stop was accepted */
bit paused = 0;
byte life = 0;
byte life_of[STARTS];          /* in which a start was accepted */
bit forbidden[STARTS];         /* the streamer paused since, and OBS had not begun it */
byte live_stream = 0;          /* the last one that was really on air */
bit untold = 0;                /* OBS's window does not know yet that the output ended: its button would stop */
bit late_stop = 0;             /* what is armed has come up */
byte meant = 0;                /* the stream that a stop of the agent met */

chan told = [3] of { mtype:told };

#define failed_job(n) (n != 255 && start_job[n] == FAILED)
/* Live though nobody wants it: by a start whose job has failed. */
#define unwanted (obs == LIVE && on_air == AGENT && failed_job(job_of_stream))

/* On OBS's UI thread, and so heard before anything else happens there. The rest comes from other threads, later. */
inline hear_starting(who) {
  if
  :: !there -> skip
  :: else -> number = stream; owner = who; phase = STARTING; armed = (FAULT == 2 -> armed : 0); connected = 0; started_told = 0; stop_signal = 0; stop_told = 0
  fi
}

/* The output's signals come at once, on a thread of OBS; its frontend events follow on the UI thread. */
inline up_if_told() {
  if
  :: phase == STARTING && started_told && (connected || FAULT == 9) -> phase = UP
  :: phase == UNKNOWN && started_told -> number = stream; owner = STREAMER; phase = UP
  :: else -> skip
  fi
}

inline up_now() {
  if
  :: !there -> skip
  :: else -> told!T_UP; connected = 1; late_stop = armed; up_if_told()
  fi
}

inline end_if_told() {
  if
  :: stop_told && (stop_signal || phase == UNKNOWN || FAULT == 7) ->
     phase = ENDED; armed = (FAULT == 2 -> armed : 0)
  :: else -> skip
  fi
}

inline over_now() {
  if
  :: !there -> skip
  :: else -> told!T_STOPPED; untold = 1; stop_signal = 1; end_if_told()
  fi
}

inline obs_start(who, job) {
  assert(obs == IDLE);         /* a second start crashes OBS */
  obs = CONNECTING; on_air = who; stream++; job_of_stream = job; hear_starting(who)
}

/* What OBS says of itself: up, or that there never was an output. While it connects it says nothing. */
inline settle() {
  if
  :: phase == UNKNOWN && obs == LIVE -> phase = UP; number = stream; owner = STREAMER
  :: phase == UNKNOWN && stream == 0 -> phase = ENDED
  :: (phase == UP || phase == GOING) && obs == IDLE && !stop_signal -> phase = ENDED; armed = 0
  :: else -> skip
  fi
}

/* A stop that OBS cannot obey yet. What is up already, or is about to be told, will tell of nothing more. */
inline arm() {
  armed = 1;
  if :: connected && FAULT != 8 -> late_stop = 1 :: else fi
}

inline obs_stop() {
  obs = STOPPING
}

/* What OBS does by itself: it connects or cannot, it is cut off, it ends. */
active proctype Obs() {
  do
  :: atomic { obs == CONNECTING && nfull(told) -> obs = LIVE; live_stream = stream; up_now() }
  :: atomic { obs == CONNECTING && nfull(told) -> obs = IDLE; over_now() }
  :: atomic { obs == STOPPING && nfull(told) -> obs = IDLE; over_now() }
  :: atomic { obs == IDLE && stream > 0 && !doubled && there && nfull(told) -> doubled = 1; told!T_STOPPED_AGAIN }
  od
}

active proctype Streamer() {
  byte clicks = 0, pauses = 0;
  do
  :: atomic { clicks < CLICKS && obs == IDLE && !untold -> clicks++; obs_start(STREAMER, 255) }
  :: atomic { clicks < CLICKS && obs == LIVE -> clicks++; obs_stop() }
  :: atomic { pauses < PAUSES && !paused -> pauses++; paused = 1;
       byte i = 0;
       do
       :: i < STARTS -> if :: start_job[i] == PENDING || start_job[i] == QUEUED || start_job[i] == RUNNING -> forbidden[i] = 1
                           :: else fi; i++
       :: else -> break
       od;
       if
       :: FAULT != 1 && FAULT != 10 ->
          ends = (running != 255 -> 1 : ends);
          i = 0;
          do
          :: i < STARTS -> if :: start_job[i] == PENDING || start_job[i] == QUEUED -> start_job[i] = FAILED; memory[i] = 0
                              :: else fi; i++
          :: else -> break
          od
       :: else fi }
  :: atomic { paused -> paused = 0 }
  :: atomic { !there -> there = 1 }
  :: atomic { start_job[0] == PENDING -> start_job[0] = QUEUED; memory[0] = 1 }     /* allow */
  :: atomic { start_job[0] == PENDING -> start_job[0] = FAILED }                      /* deny, or no answer */
  :: clicks == CLICKS && pauses == PAUSES && !paused && there && start_job[0] != PENDING -> break
  od
}

active proctype Agent() {
  byte n = 0;
  do
  :: atomic { there && n < STARTS && !paused ->
       if
       :: n == 0 -> start_job[n] = PENDING        /* the streamer is asked */
       :: start_job[n] = QUEUED; memory[n] = 1
       fi; life_of[n] = life; n++ }
  :: atomic { n > 0 && stop_job == NONE -> stop_job = QUEUED; stop_in_memory = 1;
       /* Accepted, it ends the start that runs and those that wait. */
       ends = (running != 255 -> 1 : ends);
       byte i = 0;
       do
       :: i < STARTS -> if :: start_job[i] == QUEUED && memory[i] -> start_job[i] = FAILED; memory[i] = 0
                           :: else fi; i++
       :: else -> break
       od }
  :: n == STARTS -> break
  od
}

/* What OBS tells, on its way to the one record. OBS says with nothing which start it is about. */
active proctype Observer() {
  mtype:told what;
end:
  do
  :: atomic { told?what ->
       if
       :: what == T_UP && (phase == STARTING || phase == UNKNOWN) ->
          started_told = 1; up_if_told()
       :: (what == T_STOPPED || what == T_STOPPED_AGAIN) ->
          if :: what == T_STOPPED -> untold = 0 :: else fi;
          if :: phase != ENDED -> stop_told = 1; end_if_told() :: else fi
       :: else -> skip
       fi }
  :: atomic { late_stop ->     /* a task of its own on the UI thread: it looks again */
       late_stop = 0;
       if
       :: obs == LIVE && ((armed && number == stream) || FAULT == 2) ->
          assert(on_air == AGENT || meant == stream);     /* never a stream of the streamer's, unless a stop meant it */
          obs_stop(); phase = GOING
       :: else -> skip
       fi }
  od
}

inline take(which) {
  memory[which] = 0; running = which; ends = 0; my_life = life; start_job[which] = RUNNING
}

/* Starts: one thread. */
active proctype StartWorker() {
  byte n, mine;
  byte my_life;
end:
  do
  :: atomic { running == 255 && memory[0] && stop_job != QUEUED && stop_job != RUNNING -> n = 0; take(n); goto taken }
  :: atomic { running == 255 && memory[STARTS - 1] && stop_job != QUEUED && stop_job != RUNNING -> n = STARTS - 1; take(n); goto taken }
  od;
taken:
  /* The UI task: whether it may, whether the way is clear, and the start itself. */
  atomic { 
    if
    :: life != my_life -> goto over
    :: ends || (paused && FAULT != 1) -> start_job[n] = FAILED; goto over
    :: else
    fi;
    if
    :: phase == UNKNOWN && FAULT != 3 ->
       settle();
       if :: phase == UNKNOWN -> start_job[n] = FAILED; goto over :: else fi
    :: phase == UNKNOWN && FAULT == 3 -> phase = ENDED
    :: else
    fi;
    if
    :: phase == ENDED && obs == IDLE ->
       assert(!paused);                   /* what the streamer forbids does not begin, however long ago it was accepted */
       assert(!forbidden[n]);             /* nor if it is let again by then */
       assert(life_of[n] == life);        /* nothing that waited when OBS died begins by itself */
       obs_start(AGENT, n); mine = stream
    :: phase == ENDED && obs != IDLE && FAULT != 3 -> start_job[n] = FAILED; goto over   /* what is there is not told yet: busy */
    :: phase == ENDED && obs != IDLE && FAULT == 3 -> obs_start(AGENT, n)
    :: phase == GOING -> start_job[n] = FAILED; goto over
    :: phase == UP || phase == STARTING -> mine = number; armed = 0;
       if :: on_air == AGENT && number == stream -> job_of_stream = n :: else fi
    fi };
  if
  :: FAULT == 5 -> atomic { if :: life == my_life -> start_job[n] = DONE; assert(live_stream >= mine) :: else fi; goto over }
  :: else
  fi;
  /* Until it is up, over, or to end. */
  atomic { (phase == UP && number == mine) || number != mine || phase == ENDED || phase == GOING || ends || life != my_life ->
    if
    :: life != my_life -> goto over
    :: ends || number != mine || phase == ENDED || phase == GOING ->
       start_job[n] = FAILED;
       if
       :: FAULT != 6 && number == mine && owner == AGENT && phase == STARTING -> arm()
       :: FAULT != 6 && number == mine && owner == AGENT && phase == UP ->
          if :: obs == LIVE && number == stream -> obs_stop(); phase = GOING :: else fi
       :: else
       fi
    :: else -> start_job[n] = DONE; assert(live_stream >= mine)     /* never done without live */
    fi };
over:
  atomic { if :: life == my_life && running == n -> running = 255; ends = 0 :: else fi };
  goto end
}

/* Stops: a thread of its own. */
active proctype StopWorker() {
  byte mine; byte my_life;
end:
  do
  :: atomic { stop_in_memory && stop_job == QUEUED -> stop_in_memory = 0; stop_job = RUNNING; my_life = life };
     atomic {
       if
       :: life != my_life -> skip
       :: else ->
          settle();
          mine = number;
          if
          :: phase == UP && obs == LIVE -> meant = stream; obs_stop(); phase = GOING
          :: phase == STARTING || phase == UNKNOWN -> meant = stream; arm()
          :: else -> skip
          fi
       fi };
     atomic { life != my_life || number != mine || phase == ENDED || phase == UNKNOWN ->
       if
       :: life == my_life -> stop_job = DONE;
          assert(phase == UNKNOWN || !(obs == LIVE && stream == mine))      /* never live after a stop that is done */
       :: else
       fi }
  od
}

/* "Reload scripts" and the end of OBS: once. */
active proctype End() {
  byte i = 0;
  if
  :: skip                              /* never */
  :: atomic {                          /* a reload: the record is carried, the jobs end */
       life++;
       do
       :: i < STARTS ->
          if
          :: start_job[i] == PENDING || start_job[i] == QUEUED || start_job[i] == RUNNING ->
             if
             :: FAULT == 4 && start_job[i] == QUEUED -> memory[i] = 1
             :: else -> start_job[i] = FAILED; memory[i] = 0
             fi
          :: else
          fi; i++
       :: else -> break
       od;
       if :: running != 255 && phase == STARTING && owner == AGENT -> arm() :: else fi;
       if :: running != 255 && phase == UP && owner == AGENT && obs == LIVE && number == stream && job_of_stream == running -> obs_stop(); phase = GOING :: else fi;
       if :: stop_job == QUEUED || stop_job == RUNNING -> stop_job = FAILED; stop_in_memory = 0 :: else fi;
       running = 255; ends = 0 }
  :: atomic {                          /* kill -9: OBS is gone, and begins anew */
       life++; obs = IDLE; on_air = NOBODY; phase = ENDED; owner = NOBODY; armed = 0; connected = 0; started_told = 0; late_stop = 0; untold = 0; stop_signal = 0; stop_told = 0; job_of_stream = 255; number = stream;
       i = 0;
       do
       :: i < STARTS ->
          if
          :: start_job[i] == PENDING || start_job[i] == QUEUED || start_job[i] == RUNNING ->
             if
             :: FAULT == 4 && start_job[i] == QUEUED -> memory[i] = 1
             :: else -> start_job[i] = FAILED; memory[i] = 0
             fi
          :: else
          fi; i++
       :: else -> break
       od;
       do :: told?_ :: empty(told) -> break od;
       if :: stop_job == QUEUED || stop_job == RUNNING -> stop_job = FAILED; stop_in_memory = 0 :: else fi;
       running = 255; ends = 0 }
  fi
}

/* Live by a failed job: never for good. */
ltl never_unwanted { [] (unwanted -> <> !unwanted) }
