"""Access to what Gradio keeps in memory for events and sessions; ``PageSessions`` decides how long it is kept."""

from typing import Any

import gradio as gr


class GradioQueue:
    """The queue and the session states of one page, which are undocumented attributes of Gradio.

    Args:
        page: the page.
    """

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page

    def is_open(self, session_hash: str, event_id: str) -> bool:
        """Returns whether an event waits, runs, or has a response that was not delivered."""
        queue = self._queue
        undelivered = queue.pending_event_ids_session.get(session_hash, ())
        return event_id in queue.event_ids_to_events or event_id in undelivered

    def has_messages(self, session_hash: str) -> bool:
        """Returns whether there are or will be messages for a session."""
        return session_hash in self._queue.pending_messages_per_session

    def tidy(self, session_hash: str) -> None:
        """Deletes the rest of events whose messages were delivered, or can no longer be.

        An event whose reader has disconnected is no longer ``alive``: Gradio stores no more messages for it, but keeps
        its id.
        """
        queue = self._queue
        events = {event_id: queue.event_ids_to_events.get(event_id) for event_id in self._undelivered(session_hash)}
        self._undelivered(session_hash).difference_update(
            event_id for event_id, event in events.items() if event is not None and not event.alive
        )
        if not self._undelivered(session_hash):
            self._delete_messages(session_hash)

    async def drop_messages(self, session_hash: str) -> None:
        """Takes a session's events out of the queue and deletes their messages."""
        await self._queue.clean_events(session_hash=session_hash)
        self._delete_messages(session_hash)

    def drop_state(self, session_hash: str) -> None:
        """Deletes a session's state."""
        holder = self._page.state_holder
        holder.delete_state(session_hash)
        with holder.lock:
            holder.session_data.pop(session_hash, None)
            holder.time_last_used.pop(session_hash, None)

    @property
    def _queue(self) -> Any:  # noqa: ANN401 - an undocumented class of Gradio
        return self._page._queue

    def _undelivered(self, session_hash: str) -> set[str]:
        ids: set[str] = self._queue.pending_event_ids_session.get(session_hash, set())
        return ids

    def _delete_messages(self, session_hash: str) -> None:
        self._queue.pending_messages_per_session.pop(session_hash, None)
        self._queue.pending_event_ids_session.pop(session_hash, None)
