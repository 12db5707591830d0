"""The parent's side of running models: "give me a runner for this model".

A request asks the :class:`~puna.engine.scheduler.Scheduler` for a lease. The
scheduler keeps the queue and calls :func:`~puna.engine.plan.plan`, a pure
function that says who is served, what is loaded and what is unloaded. The
:class:`~puna.engine.fleet.Fleet` does it with
:class:`~puna.engine.runner_process.RunnerProcess` objects, each a
:class:`~puna.engine.child.Child` that speaks :mod:`puna.runner.protocol`. The
lease then sends the request and yields what comes back for it through an
:class:`~puna.engine.exchange.Exchange`.

Only this room starts processes, and nothing here imports llama.cpp.
"""
