/* The time of the service, as far as this device knows it: a phone's own clock may be hours or years wrong. */

const SLOW_MS = 5 * 60000;
const TOLD_MS = 2 * 60000;

/* `offset`: what the service's clock is ahead of the device's; `anchor`: the service's time and the page's own at one
   moment, which nobody can set back; `floor`: the latest moment that the service has signed. */
const clock = { offset: null, anchor: null, floor: 0 };

/** Take the service's time from an answer that was asked for and came at these moments of `performance.now()`. */
export function measureClock(serverTime, asked, came) {
  if (Number.isNaN(serverTime)) return;
  clock.anchor = { server: serverTime + (came - asked) / 2, page: came };
  clock.offset = clock.anchor.server - Date.now();
}

/** What an earlier visit measured, for a start without a network. */
export function recallOffset(offset) {
  if (clock.offset === null && Number.isFinite(offset)) clock.offset = offset;
}

/** The measured offset in ms, or null. */
export function getOffset() {
  return clock.offset;
}

/** A signed moment: it is not earlier now. */
export function raiseFloor(moment) {
  clock.floor = Math.max(clock.floor, moment);
}

/** `{earliest, latest, isBehind}` in ms: now lies between the first two. `isBehind`: the device's clock, and it alone is
    known, stands before what the service has signed, so that nobody can say how old a list is. */
export function getTimes() {
  const wall = Date.now() + (clock.offset || 0);
  if (!clock.anchor) { // the clock may have been set since the offset was measured: the later time is the safe one
    const latest = Math.max(wall, Date.now());
    return { earliest: clock.floor, latest: Math.max(clock.floor, latest), isBehind: latest < clock.floor - SLOW_MS };
  }
  const earliest = Math.max(clock.floor, clock.anchor.server + performance.now() - clock.anchor.page);
  return { earliest, latest: Math.max(earliest, wall), isBehind: false };
}

/** Whether the clock was measured in this visit; an earlier one's measure is only remembered. */
export function isMeasured() {
  return clock.anchor !== null;
}

/** By how many ms the device's clock is wrong, ahead being positive; 0 where it is right or not measured. */
export function getClockError() {
  return clock.offset !== null && Math.abs(clock.offset) > TOLD_MS ? -clock.offset : 0;
}
