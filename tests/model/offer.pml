/* The life of an offer around the table of core/offer_table.h: the shard of one agent, the shards of
 * two frameworks, the mailboxes between them, two slots that are used again, the loss and return of
 * the agent and the loss of each framework at any moment. scripts/check_models runs what is listed.
 *
 * The word of a slot, {generation, framework, state}, changes in one step here as it does by one
 * compare-and-swap there; that this holds in C++'s memory model is for tests/core/model to show.
 *
 *   safety    an id is won at most once; offered and used resources never exceed the agent's, and
 *             what is offered is what the slots hold; a slot is settled once, after it was won; no
 *             mailbox of answers overflows; nobody waits for ever but where waiting is the end
 *   progress  (settled) a slot that is out is free again some day, if only every shard that can go
 *             on does: frameworks may keep silent for ever, or repeat old calls for ever
 *
 * As in the table, a slot that has used all its generations, here two, is retired. That also
 * ends the model. A framework keeps every id it was sent, and may present any of them at any time.
 *
 * check: holds safety
 * check: holds progress PROGRESS
 * check: fails safety BROKEN_COMPARE              claim does not look at the generation
 * check: fails safety BROKEN_RESCIND              what could not be withdrawn is settled all the same
 * check: fails progress PROGRESS BROKEN_EXPIRY    no time-out
 */
#define SLOTS 2
#define FRAMEWORKS 2
#define CAPACITY 2            /* of the agent; an offer is one unit of it */
#define GENERATIONS 2         /* lives of a slot … */
#ifdef PROGRESS
#define LIVES(s) (2 - s)      /* … or one of the second slot: progress costs ten times the states */
#else
#define LIVES(s) GENERATIONS
#endif

mtype:state = { FREE, OPEN, CLAIMED, DECLINED, WITHDRAWN };
mtype:mail = { ANSWER, GONE };

typedef Slot {
  mtype:state state = FREE;
  byte generation;
  byte framework;
};
Slot slot[SLOTS];

/* Mailboxes. An offer that finds no room waits with the agent; answers always find room. */
chan offers[FRAMEWORKS] = [SLOTS] of { byte, byte };               /* slot, generation */
chan answers[FRAMEWORKS] = [SLOTS + 1] of { mtype:mail, byte, byte };

/* What nobody in the program sees. */
byte offered, used;
bool won[SLOTS * GENERATIONS];

#define IS(s, g) (slot[s].generation == g && slot[s].state == OPEN)
#ifdef BROKEN_COMPARE
#define MINE(s, g, f) (slot[s].state == OPEN && slot[s].framework == f)
#else
#define MINE(s, g, f) (IS(s, g) && slot[s].framework == f)
#endif

inline win(s, g, to) {
  slot[s].state = to;
  assert(!won[s * GENERATIONS + g]);
  won[s * GENERATIONS + g] = true;
}

/* --- the agent's shard --- */

/* In a d_step: between the edge and FREE the word means "not open" to everybody else all along. */
inline settle(s, g) {
  assert(slot[s].generation == g && slot[s].state != OPEN && slot[s].state != FREE);
  assert(offered > 0);
  offered--;
  if
  :: slot[s].state == CLAIMED -> used++
  :: else
  fi;
  assert(offered + used <= CAPACITY);
  slot[s].state = FREE;
  slot[s].generation++;        /* GENERATIONS: retired */
  slot[s].framework = 0
}

/* Expiry, agent loss and framework removal: whoever loses leaves the slot to the answer. */
inline withdraw(s) {
  d_step {
    if
    :: slot[s].state == OPEN -> g = slot[s].generation; win(s, g, WITHDRAWN); settle(s, g)
    :: else ->
#ifdef BROKEN_RESCIND
       if
       :: slot[s].state != FREE -> g = slot[s].generation; settle(s, g)
       :: else
       fi
#else
       skip
#endif
    fi;
    g = 0
  }
}

#define FITS(s, f) (slot[s].state == FREE && slot[s].generation < LIVES(s) && \
                    offered + used < CAPACITY && nfull(offers[f]))
inline publish(s, f) {
  d_step {
    up && !gone[f] && FITS(s, f) ->
    slot[s].framework = f;
    slot[s].state = OPEN;
    offered++;
    assert(offered == (slot[0].state != FREE) + (slot[1].state != FREE))
  };
  offers[f]!s, slot[s].generation
}

inline removed(f) {
  gone[f] = true;
  if
  :: slot[0].framework == f -> withdraw(0)
  :: else
  fi;
  if
  :: slot[1].framework == f -> withdraw(1)
  :: else
  fi
}

/* Variables that are not looked at again are set to 0: fewer states. */
active proctype Agent() {
  byte s, g;
  bool up = true, lost = false;
  bool gone[FRAMEWORKS];
end:
  do
  :: publish(0, 0)
  :: publish(0, 1)
  :: publish(1, 0)
  :: publish(1, 1)
#ifndef BROKEN_EXPIRY
  :: slot[0].state == OPEN -> withdraw(0)      /* its time is over … */
  :: slot[1].state == OPEN -> withdraw(1)      /* … unless an answer comes in between */
#endif
  :: answers[0]?ANSWER, s, g -> d_step { settle(s, g); s = 0; g = 0 }
  :: answers[1]?ANSWER, s, g -> d_step { settle(s, g); s = 0; g = 0 }
  :: answers[0]?GONE, _, _ -> removed(0)
  :: answers[1]?GONE, _, _ -> removed(1)
  :: used > 0 -> used--                        /* a task ends */
  :: up && !lost -> lost = true; up = false;   /* the connection breaks */
     withdraw(0);
     withdraw(1)
  :: !up -> up = true
  od
}

/* --- a framework's shard --- */

#define ID(s, g) held[s * GENERATIONS + g]

/* A call that would lose changes nothing, so it is not made. */
inline take(s, g, to) {
  d_step { ID(s, g) && MINE(s, g, _pid - 1) -> win(s, g, to) };
  assert(nfull(answers[_pid - 1]));
  answers[_pid - 1]!ANSWER, s, g
}
inline call(s, g) {
  if
  :: take(s, g, CLAIMED)
  :: take(s, g, DECLINED)
  fi
}
inline give_back(s, g) {
  if
  :: take(s, g, DECLINED)
  :: else
  fi
}

active [FRAMEWORKS] proctype Framework() {
  byte s, g;
  bool held[SLOTS * GENERATIONS];
end:
  do
  :: offers[_pid - 1]?s, g -> d_step { ID(s, g) = true; s = 0; g = 0 }
  :: call(0, 0)
  :: call(0, 1)
  :: call(1, 0)
  :: call(1, 1)
  :: s = 0                                     /* it is silent, for ever if it likes */
  :: break                                     /* the framework is lost */
  od;
  give_back(0, 0);
  give_back(0, 1);
  give_back(1, 0);
  give_back(1, 1);
  d_step { ID(0, 0) = 0; ID(0, 1) = 0; ID(1, 0) = 0; ID(1, 1) = 0 };
  answers[_pid - 1]!GONE, 0, 0;
  /* An offer that is under way is nobody's now: GONE makes the agent's shard take it back. */
end_lost:
  do
  :: offers[_pid - 1]?_, _
  od
}

#ifdef PROGRESS
ltl settled { [] ((slot[0].state != FREE) -> <> (slot[0].state == FREE)) }
#endif
