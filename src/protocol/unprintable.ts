/** The marks that reorder text, the "Trojan Source" ones (Unicode Technical Report 36, "Bidirectional Text Spoofing"). */
const reordering = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069'

/**
 * What a terminal or an editor would act upon instead of showing: control characters (C0, DEL, C1), line and paragraph
 * separators, lone surrogates, and the marks that reorder text. This is the one place that says what strangers' text may not
 * bring to where people look.
 */
export const unprintable = new RegExp(`[\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}${reordering}]`, 'gu')

/** The same, and what else cannot be seen: in a quotation of a few characters it would hide what was wrong. */
export const unseen = new RegExp(`${unprintable.source}|\\p{Cf}`, 'gu')
