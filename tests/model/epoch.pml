/* Who listens to whom: two masters (master/candidate.cc, master/service.cc, master/standby.cc), an
 * agent (agent/agent_handlers.cc) and a framework (sdk/scheduler_session.cc), while the lead goes
 * from one master to the other and back. There is no time here: a lease runs out when it likes, and
 * so does the clock by which its master counts it, each without the other. So the masters may do
 * more than those of lease.pml: the epoch has to hold where the lease is broken, too.
 *
 *   safety    the agent never acts on a message of an older epoch than it has seen; it starts a
 *             task once, however often it is launched
 *   progress  (led) when masters and etcd have ceased to fail, one leads and the agent is
 *             registered with it, for good
 *
 * A connection carries one frame at a time each way; it breaks when it likes, with what is in it. A
 * master that ends a term closes its connections, and what it had sent may still be read. Every
 * step is one of its own: a master is paused between any two, also after it has looked whether it
 * may send (ReactorState::flush_dirty()) and before it does.
 *
 * Both ends compare epochs, the master in greet() of dispatch.cc, the agent in on_welcome(). Each
 * must be enough alone, so there is only the agent's here, unless a run says otherwise. Likewise
 * only the agent keeps a task from being started twice, not refuse_repeated() of the master.
 *
 * check: holds safety
 * check: holds safety NO_EPOCH MASTER_CHECK
 * check: holds progress PROGRESS
 * check: fails safety NO_EPOCH               the agent does not compare epochs, nor does the master
 * check: fails safety NO_STORE               the agent forgets the epoch when it is started again
 * check: fails safety NO_RECORD              the agent does not look whether it has the task
 * check: fails progress PROGRESS NO_REDIRECT whom a standby refuses dials it again
 */
#ifdef PROGRESS
#define TERMS 2                    /* while masters fail … */
#define ROOM (revision < (calm -> TERMS + 2 : TERMS))       /* … and for those that come after */
#define MAY_FAIL (!calm)
#else
#ifdef MASTER_CHECK
#define TERMS 2
#else
#define TERMS 3
#endif
#define ROOM (revision < TERMS)
#define MAY_FAIL true
#endif

mtype:frame = { HELLO, WELCOME, NOT_LEADER, REGISTER, REGISTERED, RUN, ACKNOWLEDGE };

byte key, revision;                /* in etcd: the leader key's owner, 1 or 2; its last making */
bool calm;                         /* nothing fails any more */

/* The masters. */
bool valid[2];                     /* LeaseClock::is_valid() */
byte serving[2];                   /* the epoch it serves in; 0: a standby */
mtype:frame call[2];               /* of the framework: ACCEPT or ACKNOWLEDGE, not yet handled */

/* The agent's one connection, to master `at`. */
bit at;
mtype:frame up = HELLO, down;
byte down_epoch;                   /* of the one that sent what is in `down` */
bool linked = true;                /* not closed by the master … */
bool known;                        /* … where it is registered */
mtype:frame out;                   /* of the master: in the buffers of the connection … */
bool passed;                       /* … and may go, as of some moment ago */

/* The agent. */
byte epoch;                        /* AgentState::epoch, and the file */
bool registered;
bool task;                         /* on record, until its last update is acknowledged */

/* The framework. */
bool on, sent, knows;              /* subscribed; has launched in this session; hears of the task */
bit to;                            /* where it is subscribed */
byte framework_epoch;              /* SchedulerSession::epoch_ */

/* What nobody in the program sees. */
byte seen;                         /* the highest epoch on which the agent has acted */
bool started;

/* --- etcd, and whether things fail --- */

#define LEADS(m) (valid[m] && serving[m] == revision && key == m + 1)

active proctype Etcd() {
end:
  do
  :: d_step { key != 0 && !LEADS(key - 1) -> key = 0 }
  od
}

#ifdef PROGRESS
active proctype Calm() {
  calm = true;
  do                               /* or a state that nothing follows would pass for a good end */
  :: calm
  od
}
#define LEADERSHIPS 2              /* the first _pid */
#else
#define LEADERSHIPS 1
#endif

/* --- masters: Leadership and Candidate --- */

#define ME (_pid - LEADERSHIPS)

inline leave() {
  on = false; sent = false; to = 0
}
/* Serving::serve() ends: its reactors stop, and send nothing more. */
inline close_sessions(m) {
  call[m] = 0;
  if
  :: on && to == m -> leave()
  :: else
  fi;
  if
  :: at == m -> linked = false; known = false; passed = false; out = 0; up = 0
  :: else
  fi
}

active [2] proctype Leadership() {
end:
  do
  :: d_step {                      /* stand(), load() and begin_serving() */
       (key == 0 || MAY_FAIL) && ROOM ->          /* it may run out at any time */
       key = ME + 1;
       revision++;
       serving[ME] = revision;
       valid[ME] = true
     }
     if                            /* renew_term(); give_up() */
     :: d_step { MAY_FAIL -> valid[ME] = false }
     :: d_step { key != ME + 1 || serving[ME] != revision -> valid[ME] = false }
     fi;
     d_step { close_sessions(ME); serving[ME] = 0 }           /* on_lost(), end_serving() */
  od
}

/* --- masters: Service, or Standby --- */

#undef ME
#define ME (_pid - LEADERSHIPS - 2)
#define HERE (linked && at == ME)

inline greet() {
  up = 0;
  if
#ifdef MASTER_CHECK
  :: epoch > serving[ME] -> linked = false        /* FENCED */
#endif
  :: else -> out = WELCOME
  fi
}

active [2] proctype Service() {
end:
  do
  :: d_step {                                     /* Standby::Frames */
       HERE && up == HELLO && serving[ME] == 0 ->
       up = 0;
       down = NOT_LEADER;
       linked = false
     }
  :: d_step { HERE && up == HELLO && serving[ME] != 0 -> greet() }
  :: d_step {                                     /* on_register_agent(), of one that is admitted */
       HERE && up == REGISTER && serving[ME] != 0 ->
       up = 0;
       known = true;
       out = REGISTERED
     }
#ifndef PROGRESS
  :: d_step {                                     /* Answer::execute(), on_acknowledge_forward() */
       HERE && call[ME] != 0 && known && out == 0 ->
       out = call[ME];
       call[ME] = 0
     }
#endif
  :: HERE && out != 0 && !passed && valid[ME] -> passed = true
  :: d_step {
       HERE && passed && down == 0 ->
       down = out;
       down_epoch = serving[ME];
       out = 0;
       passed = false
     }
  od
}

/* --- the agent --- */

inline taken() {
  down = 0; down_epoch = 0
}
/* What was under way is lost with the connection. */
inline dial(master) {
  known = false; passed = false; out = 0; registered = false;
  taken();
  at = master;
  linked = true;
  up = HELLO
}
inline acts() {
  assert(down_epoch >= seen);
  seen = down_epoch
}
#ifdef NO_REDIRECT
#define LEADER at
#else
#define LEADER (1 - at)            /* Refusal::leader, or the next in the list if nobody leads */
#endif

active proctype Agent() {
end:
  do
  :: d_step { MAY_FAIL || (!linked && down == 0) -> dial(1 - at) }
#ifndef PROGRESS
  :: d_step {                                     /* it is started again */
       dial(at);
#ifdef NO_STORE
       epoch = 0
#endif
     }
#endif
  :: d_step { down == NOT_LEADER -> dial(LEADER) }
  :: d_step {                                     /* on_welcome() */
       down == WELCOME ->
       if
#ifndef NO_EPOCH
       :: down_epoch < epoch -> dial(1 - at)
#endif
       :: else ->
          acts();
          epoch = down_epoch;
          taken();
          up = (linked -> REGISTER : 0)
       fi
     }
  :: d_step { down == REGISTERED -> acts(); taken(); registered = true }
#ifndef PROGRESS
  :: d_step {                                     /* on_run_task() */
       down == RUN ->
       acts();
       taken();
       if
#ifndef NO_RECORD
       :: task                                    /* send_present() */
#endif
       :: else ->
          assert(!started);
          started = true;
          task = true
       fi
     }
  :: d_step { down == ACKNOWLEDGE -> acts(); taken(); task = false }   /* the task has ended */
#endif
  od
}

/* --- the framework: launches its task in each session until it hears of it --- */

#ifndef PROGRESS
#define WELCOMES(m) (valid[m] && serving[m] != 0 && serving[m] >= framework_epoch)

inline subscribe(m) {
  on = true;
  to = m;
  framework_epoch = serving[m];
  call[m] = 0                      /* of a session before: that one is closed now */
}

active proctype Framework() {
end:
  do
  :: d_step { !on && WELCOMES(0) -> subscribe(0) }
  :: d_step { !on && WELCOMES(1) -> subscribe(1) }
  :: d_step { on -> leave() }      /* the connection breaks; its last call may still be handled */
  :: d_step { on && !sent && !knows && call[to] == 0 -> sent = true; call[to] = RUN }
  :: d_step { on && task && registered && at == to && valid[to] -> knows = true }
  :: d_step { on && knows && task && call[to] == 0 -> call[to] = ACKNOWLEDGE }
  od
}
#else
ltl led { <> [] (registered && LEADS(at)) }
#endif
