/* SPDX-License-Identifier: ISC */
/*
 * After ctld was started: its files against front's slots. What lives is
 * adopted, what is half-made is undone, what is gone is said to be gone.
 * Clients are served after that.
 */
#ifndef CTLD_VM_RECONCILE_H
#define CTLD_VM_RECONCILE_H

struct ctld;

/* Load the files, begin to ask front; conns_serve() is called at the end. */
void vm_reconcile(struct ctld *c);

#endif
