/* Who leads: two masters (master/leadership.cc), the clocks by which they count their leases, the
 * writer of the registry of one of them (master/registry_etcd.cc), and etcd. Who listens to whom
 * is in epoch.pml, the threads of one master in term.pml. scripts/check_models runs what is listed.
 *
 * Every step is one of its own, so a master is paused and woken between any two of them, while time
 * goes on. A call to etcd is done at some time after it was made, or never; its answer is read at
 * some time, or never; what was not answered may be done later (`late`).
 *
 *   safety    two masters never may send at once (LeaseClock::is_valid()); a term that is over
 *             stays over; no row of a term becomes durable when a later one has begun
 *
 * A tick is a third of the lease by etcd's clock, and so is the margin. The clock of a master loses
 * at most one tick in any TTL of them: that is what the margin is for. One that gains is on the
 * safe side. All masters are the same, and each promise is broken by one of them, so it is enough
 * that the first has a clock that lags, has late calls, and writes. Terms are counted, and after
 * the last nobody stands.
 *
 * check: holds safety
 * check: fails safety NO_MARGIN              deadline_of() takes nothing off
 * check: fails safety FROM_ANSWER            it counts from the answer, not from the question
 * check: fails safety NO_CHECK               extend() does not look whether the lease has run out
 * check: fails safety NO_FENCE               commit() does not compare the leader key
 */
#define TTL 3
#define MARGIN 1
#define TERMS 3

mtype:call = { GRANT, PUT, KEEP, REVOKE };
mtype:answer = { DONE, REFUSED };

/* etcd. A lease is its master's latest; the key has the lease of its owner. */
byte key;                          /* <prefix>/leader: of nobody, or of master 1 or 2 */
byte revision;                     /* of its last making: the epoch */
byte ttl[2];                       /* what is left of each lease; 0: there is none */

/* Under way to etcd, and back. */
mtype:call asked[2];
mtype:call late;                   /* of the first: nobody waits for it any more */
mtype:answer answer[2];
byte made[2];                      /* the revision in the answer to PUT */
byte row;                          /* of the first master: the epoch of the write; 0: none */
mtype:answer stored;

/* The masters. */
byte left[2];                      /* LeaseClock::left(), by the master's own clock; 0: not valid */
bool asking[2];
byte age[2];                       /* since asked_at, while it asks; by its own clock, too */
byte steady = TTL;                 /* ticks since the first one's clock lost one */
byte term, serving;                /* of the first: the epoch that it has, and that it serves in */
bool given_up;

#ifdef NO_MARGIN
#define UNTIL TTL
#else
#define UNTIL (TTL - MARGIN)
#endif

/* --- etcd --- */

inline drop_lease(m) {
  ttl[m] = 0;
  late = (m == 0 -> 0 : late);     /* whatever it was, it would find no lease */
  key = (key == m + 1 -> 0 : key)
}
inline apply(m, call) {
  if
  :: call == GRANT -> ttl[m] = TTL; answer[m] = DONE
  :: call == PUT ->                /* only if nobody has it */
     if
     :: key == 0 && ttl[m] > 0 ->
        key = m + 1;
        revision++;
        made[m] = revision;
        answer[m] = DONE
     :: else -> answer[m] = REFUSED
     fi
  :: call == KEEP ->
     if
     :: ttl[m] > 0 -> ttl[m] = TTL; answer[m] = DONE
     :: else -> answer[m] = REFUSED
     fi
  :: call == REVOKE -> drop_lease(m); answer[m] = DONE
  fi
}
inline answer_call(m) {
  d_step { asked[m] != 0 -> apply(m, asked[m]); asked[m] = 0 }
}
inline do_late() {
  d_step {
    late != 0 && answer[0] == 0 ->
    apply(0, late);
    late = 0; answer[0] = 0; made[0] = 0
  }
}
/* The transaction of EtcdRegistry::commit(). */
#ifdef NO_FENCE
#define FENCE true
#else
#define FENCE (key == 1 && revision == row)
#endif
inline write_row() {
  d_step {
    row != 0 ->
    assert(!FENCE || row == revision);
    stored = (row != serving -> 0 : (FENCE -> DONE : REFUSED));
    row = 0
  }
}

inline run_down(m) {
  if
  :: ttl[m] > 1 -> ttl[m]--
  :: ttl[m] == 1 -> drop_lease(m)
  :: else
  fi
}
inline advance(m) {
  left[m] = (left[m] > 0 -> left[m] - 1 : 0);
  age[m] = (asking[m] && age[m] < TTL -> age[m] + 1 : age[m])
}
#define MATTERS (left[0] > 0 || asking[0])
inline tick(lags) {
  d_step {
    !lags || (MATTERS && steady == TTL) ->
    run_down(0);
    run_down(1);
    advance(1);
    if
    :: lags -> steady = 0
    :: else -> advance(0); steady = (steady < TTL -> steady + 1 : TTL)
    fi;
    steady = (MATTERS -> steady : TTL)
  }
}

active proctype Etcd() {
end:
  do
  :: tick(false)
  :: tick(true)
  :: answer_call(0)
  :: answer_call(1)
  :: do_late()
  :: write_row()
  od
}

/* --- Leadership's thread --- */

#define ME (_pid - 1)
#define IS_FIRST (ME == 0)

/* In a d_step: asked_at is taken before the call is made. */
inline ask(call) {
  asked[ME] = call;
  asking[ME] = true;
  age[ME] = 0
}
inline end_call() {
  asked[ME] = 0; answer[ME] = 0; made[ME] = 0; asking[ME] = false; age[ME] = 0
}
/* Nobody waits any longer. GRANT that is done later makes a lease that nobody knows. */
inline time_out() {
  late = (IS_FIRST && asked[ME] != 0 && asked[ME] != GRANT && ttl[ME] > 0 -> asked[ME] : late);
  end_call()
}
/* LeaseClock::begin(deadline_of(asked_at, ttl)). */
inline set_clock() {
#ifdef FROM_ANSWER
  age[ME] = 0;
#endif
  left[ME] = (age[ME] < UNTIL -> UNTIL - age[ME] : 0);
  assert(left[0] == 0 || left[1] == 0);
  end_call()
}

/* LeaseClock::extend(), as one step; term.pml has its two. */
#ifdef NO_CHECK
#define IN_TIME true
#else
#define IN_TIME (left[ME] > 0)
#endif
inline extend() {
  assert(left[ME] > 0);
  set_clock()
}

active [2] proctype Leadership() {
end_follow:
  /* stand(). What it saw of the key may be old by now: PUT decides. It has no other lease, nor does
   * its Candidate still serve. */
  atomic {
    key == 0 && ttl[ME] == 0 && (!IS_FIRST || serving == 0) && revision < TERMS ->
    ask(GRANT)
  }
  if
  :: d_step { answer[ME] == DONE -> answer[ME] = 0; asked[ME] = PUT }
  :: d_step { answer[ME] == 0 -> time_out() } goto end_follow
  fi;
  if
  :: d_step {
       answer[ME] == DONE ->
       term = (IS_FIRST -> made[ME] : term);
       given_up = (IS_FIRST -> false : given_up);
       set_clock()
     }
  :: d_step { answer[ME] == REFUSED -> end_call() } goto revoke
  :: d_step { answer[ME] != REFUSED -> time_out() } goto revoke
  fi;
lead:
  if
  :: IS_FIRST && given_up -> goto end_term
  :: left[ME] == 0 -> goto end_term
  :: true -> goto end_term                        /* resign() */
  :: left[ME] > 0                                 /* renew_term(): it looks … */
  fi;
  d_step { ask(KEEP) }                            /* … and later takes the time and asks */
  if
  :: d_step { answer[ME] == REFUSED -> end_call() } goto end_term
  :: d_step { answer[ME] == DONE && IN_TIME -> extend() } goto lead
  :: d_step { answer[ME] == DONE && !IN_TIME -> end_call() } goto end_term
  :: d_step { answer[ME] != REFUSED -> time_out() } goto lead
  fi;
end_term:
  left[ME] = 0;
revoke:
  atomic { ask(REVOKE); asking[ME] = false }
  if
  :: d_step { answer[ME] != 0 -> end_call() }
  :: d_step { true -> time_out() }
  fi;
  term = (IS_FIRST -> 0 : term);
  goto end_follow
}

/* --- the first master: Candidate::lead() and the thread of its RegistryWriter --- */

active proctype Registry() {
end:
  do
  :: serving == 0 && term != 0 -> serving = term
  /* A write that is under way stays so. */
  :: d_step { serving != 0 && term != serving -> serving = 0; stored = 0 }
  /* Also when it may not send any more. */
  :: d_step { serving != 0 && row == 0 && stored == 0 -> row = serving }
  :: d_step { serving != 0 && stored == DONE -> stored = 0 }
  :: d_step {                                     /* refused, or not answered in time: give_up() */
       serving != 0 && !given_up && (stored == REFUSED || row == serving) ->
       stored = 0;
       given_up = true;
       left[0] = 0
     }
  od
}
