/**
 * From so many bytes on a message is large. A shorter one is decoded and checked in less than 5 ms, whatever it is; to hand it
 * to a thread would take longer than most of them do.
 */
const largeFromBytes = 65_536

/** The part of a message that is large, unless it is refused for having several. */
export function largePart([part, ...others]: readonly Buffer[]): Buffer | undefined {
  return part !== undefined && part.length >= largeFromBytes && others.length === 0 ? part : undefined
}
