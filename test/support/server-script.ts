/** Which handler a request to a scripted server goes to, by the name of what it asks for. */

export interface Scripted<Handler> {
  /** Every request of this name goes to `handler`, instead of any earlier one; without it, back to the ordinary answer. */
  on(name: string, handler?: Handler): void
  /** The next requests of this name go to these handlers, one each; after that `on` or the ordinary answer. */
  once(name: string, ...handlers: readonly Handler[]): void
  /** Requests that no `on` or `once` takes go to `handler`. */
  onAny(handler?: Handler): void
}

export interface Script<Handler> extends Scripted<Handler> {
  /** The one whose turn it is. */
  take(name: string): Handler
}

export function script<Handler>(ordinary: Handler): Script<Handler> {
  const always = new Map<string, Handler>()
  const next = new Map<string, Handler[]>()
  let anyHandler = ordinary
  return {
    on(name, handler) {
      if (handler === undefined) always.delete(name)
      else always.set(name, handler)
    },
    once: (name, ...handlers) => void next.set(name, [...(next.get(name) ?? []), ...handlers]),
    onAny: (handler = ordinary) => {
      anyHandler = handler
    },
    take: (name) => next.get(name)?.shift() ?? always.get(name) ?? anyHandler,
  }
}
