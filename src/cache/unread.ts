/**
 * Unread: a body that arrives though nobody reads it is wanted by whoever comes next, for a while. One that does not
 * end, such as an event stream, would hold its connection for good.
 */

import type { Clock, Timer } from '../clock.ts'

/** Between two looks; a body is given up at the second one that finds no reader. Longer than any good segment takes. */
const LOOK_MS = 30_000

/** Calls back once when nobody has read the body at two looks, unless cancelled. */
export function watchUnread(
  body: { readonly readers: number },
  clock: Clock,
  onUnread: () => void,
): Pick<Timer, 'cancel'> {
  let wasUnread = false
  const timer = clock.after(LOOK_MS, () => {
    const isUnread = body.readers === 0
    if (isUnread && wasUnread) {
      onUnread()
      return
    }
    wasUnread = isUnread
    timer.refresh()
  })
  return timer
}
