"""A store as one page of HTML: what is in it, how loud and how long, what stands out, what failed, and how it was made.

``run`` goes from a store to a file. ``overview`` gathers all that is shown: ``histograms`` and ``bands`` as charts,
``extremes`` and ``gallery`` clip by clip with ``pictures`` and ``players``, ``quarantine`` and ``duplicates`` as lists.
``render`` makes it HTML with what lies in ``templates``, and forbids the result every network.

Nothing on the page depends on when or where it was made: equal stores of one name, whose sources lie alike, give equal
bytes.
"""
