/* The threads of one master around a term: Leadership's own (master/leadership.cc), the one of
 * Candidate::run() (master/candidate.cc), the writer of the registry, an operator, and time. Nobody
 * else stands; what masters do to each other is in lease.pml. scripts/check_models runs what is
 * listed.
 *
 * A step is what is done under a mutex, or one load or store of LeaseClock. Calls to etcd take as
 * long as they like while things fail, and come to nothing if they like.
 *
 *   safety    after give_up() nothing may be sent until the next term; a term begins only when what
 *             served in the one before has been taken down (invariant 2 of leadership.h)
 *   progress  (led) when things have ceased to fail, this master leads and serves, for good
 *
 * check: holds safety
 * check: holds progress PROGRESS
 * check: fails safety EAGER                  end_term() does not end the campaign
 *
 * Three more, each of which the code once did, found here:
 *
 * check: fails safety SPLIT
 *    LeaseClock::extend() looks, and stores later without another look. give_up() may end the clock
 *    in between, and then it is begun again.
 * check: fails progress PROGRESS TAKES_BACK
 *    resign() waits for a second. If the thread is longer in calls to etcd, campaign() comes before
 *    the end of the term, and an end_term() that ends every campaign takes it back: the master stands
 *    by for good.
 * check: fails safety TWICE
 *    The end of a term can be seen before on_lost() tells it, so Candidate may hear of it twice: by
 *    term_ in resign(), and by is_over_, unless the first forgets the second. The second campaign()
 *    may come when the next term is being led. Then another begins too early; and (progress fails,
 *    too) run() may forget that one, and nobody serves.
 */
#ifdef PROGRESS
#define MAY_FAIL (!calm)
#else
#define MAY_FAIL true
#endif
#define STEP_DOWNS 2
#define NEXT(id) (1 + id % 3)       /* names of terms that follow each other */

bool calm;                          /* nothing fails, or is slow, any more */

/* Leadership: its LeaseClock, and what its mutex guards. */
bool clock;                         /* is_valid() */
bool is_campaigning, is_resigning, giving_up;
byte has_term;                      /* term_; 0: none */

/* Candidate: what its mutex guards. */
byte term;                          /* term_ */
bool is_over;
bool is_serving, is_stopped;        /* serving_; Serving::stop() was called */

/* What nobody in the program sees. */
byte last;                          /* the latest term */
bool gave_up;                       /* in this term */

#ifdef PROGRESS
active proctype Calm() {
  calm = true;
  do                                /* or a state that nothing follows would pass for a good end */
  :: calm
  od
}
#endif

/* --- the thread of Leadership --- */

/* LeaseClock::begin() */
inline begin() {
  assert(!gave_up);
  clock = true
}
inline on_lost() {
#ifdef TWICE
  is_over = true;
#else
  is_over = (term != 0);                          /* or run() knows already */
#endif
  term = 0;
  is_stopped = is_serving
}

active proctype Leadership() {
  bool is_leaving, is_giving_up;
end_follow:
  is_campaigning;                                 /* may_stand() */
  if
  :: MAY_FAIL -> goto end_follow                  /* stand() comes to nothing */
  :: true
  fi;
  d_step {                                        /* stand(): the key is made */
    assert(!is_serving);
    last = NEXT(last);
    has_term = last;
    is_resigning = false;
    giving_up = false;
    gave_up = false;
    begin()
  }
  d_step { term = last; is_over = false }         /* on_elected() */
lead:
  atomic { is_leaving = is_resigning; is_giving_up = giving_up }
  if
  :: is_leaving || is_giving_up || !clock -> goto end
  :: !is_leaving && !is_giving_up && clock        /* renew_term() … */
  fi;
  if
  :: MAY_FAIL -> goto lead                        /* … is not answered */
  :: true
  fi;
  if                                              /* LeaseClock::extend() */
  :: !clock -> goto end
#ifdef SPLIT
  :: clock
  fi;
  d_step { begin() }
#else
  :: d_step { clock -> begin() }                  /* by compare-and-swap */
  fi;
#endif
  goto lead;                                      /* keep_registered(), refresh_masters() */
end:
  clock = false;                                  /* end_term(), revoke_lease() */
  d_step {
    has_term = 0;
#ifdef TAKES_BACK
    is_campaigning = false;
#else
#ifndef EAGER
    is_campaigning = is_campaigning && is_resigning;       /* then it is for the next */
#endif
#endif
    is_resigning = false;
    giving_up = false
  }
  if
  :: is_leaving
  :: !is_leaving -> d_step { on_lost() }
  fi;
  is_leaving = false; is_giving_up = false;
  goto end_follow
}

/* --- the thread of Candidate --- */

inline resign() {
  if
  :: d_step { has_term != 0 -> is_campaigning = false; is_resigning = true }
     if
     :: has_term == 0
     :: MAY_FAIL                                  /* a second is over */
     fi
  :: has_term == 0
  fi
}

active proctype Candidate() {
  byte own;                                       /* the term that it leads */
again:
  is_campaigning = true;                          /* campaign() */
end_wait:
  if                                              /* wait_for_term() */
  :: d_step { term != 0 -> own = term; is_over = false }
  :: d_step { term == 0 && is_over -> is_over = false } goto again
  fi;
  if                                              /* lead() */
  :: MAY_FAIL                                     /* load() does not come through */
  :: d_step { term == own -> is_serving = true }  /* begin_serving() */
end_serve:
     is_stopped;                                  /* Serving::serve() */
     d_step { is_serving = false; is_stopped = false }
     resign()                                     /* end_serving() */
  :: term != own                                  /* it is over already */
  fi;
  resign();
  d_step {
    term = 0;
#ifndef TWICE
    is_over = false;
#endif
    own = 0
  }
  goto again
}

/* --- time, the thread of RegistryWriter, and an operator --- */

active proctype Others() {
  byte step_downs;
end:
  do
  :: MAY_FAIL && clock -> clock = false           /* the lease has run out */
  :: d_step {                                     /* commit() fails: give_up() */
       MAY_FAIL && is_serving && !gave_up ->
       clock = false;
       giving_up = true;
       gave_up = true
     }
  :: d_step {                                     /* stop_serving() */
       is_serving && step_downs < STEP_DOWNS -> step_downs++; is_stopped = true
     }
  od
}

#ifdef PROGRESS
ltl led { <> [] (clock && is_serving) }
#endif
